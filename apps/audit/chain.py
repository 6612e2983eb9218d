"""How events hang together: what is digested, what is hashed, and how a break is found."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from apps.audit.models import FIRST_HASH, AuditEvent

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class ChainState:
    """Whether the trail is whole; if not, its first bad link and what is wrong with it."""

    n_events: int
    bad_sequence: int | None = None
    reason: str = ""

    @property
    def is_whole(self) -> bool:
        return self.bad_sequence is None


def digest_payload(event: AuditEvent) -> str:
    """Digest what may be erased, together with what it was said about."""
    payload = {
        "actor": event.actor_label,
        "thing": [event.thing_type, event.thing_id, event.thing_label],
        "summary": event.summary,
    }
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def hash_link(event: AuditEvent) -> str:
    """Hash an event's fixed part with the hash of the event before it."""
    parts = [
        event.previous_hash,
        str(event.sequence),
        _instant(event.at),
        str(event.actor_id or ""),
        str(event.team_id or ""),
        event.action,
        event.payload_digest,
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def verify() -> ChainState:
    """Walk the whole trail and stop at the first event that does not fit."""
    previous, expected = FIRST_HASH, 0
    for event in _in_order():
        expected += 1
        reason = _fault(event, previous, expected)
        if reason:
            return ChainState(expected - 1, event.sequence, reason)
        previous = event.hash
    return ChainState(expected)


def _in_order() -> Iterator[AuditEvent]:
    return AuditEvent.objects.order_by("sequence").iterator(chunk_size=2000)


def _fault(event: AuditEvent, previous: str, expected: int) -> str:
    if event.sequence != expected:
        return f"event {expected} is missing"
    if event.previous_hash != previous:
        return "it does not follow from the event before it"
    if event.erased_at is None and event.payload_digest != digest_payload(event):
        return "who, what or the summary was changed"
    if event.hash != hash_link(event):
        return "time, actor, team, action or digest was changed"
    return ""


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
