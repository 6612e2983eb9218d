"""How events hang together: what is digested, what is hashed, and how a break is found."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from apps.audit import anchor as anchors
from apps.audit.models import FIRST_HASH, AuditEvent

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterator

    from apps.audit.anchor import Anchor

TELL_EVERY = 5000
_DUMP = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class Link(NamedTuple):
    """What of an event the chain is made of."""

    sequence: int
    at: datetime
    actor_id: uuid.UUID | None
    team_id: uuid.UUID | None
    action: str
    actor_label: str
    thing_type: str
    thing_id: str
    thing_label: str
    summary: Any
    erased_at: datetime | None
    payload_digest: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class ChainState:
    """Whether the trail is whole; if not, its first bad link and what is wrong with it."""

    n_events: int
    bad_sequence: int | None = None
    reason: str = ""
    head_hash: str = FIRST_HASH
    n_erased: int = 0
    is_anchored: bool = True

    @property
    def is_whole(self) -> bool:
        return not self.reason


def digest_payload(event: AuditEvent | Link) -> str:
    """Digest what may be erased, together with what it was said about."""
    payload = {
        "actor": event.actor_label,
        "thing": [event.thing_type, event.thing_id, event.thing_label],
        "summary": event.summary,
    }
    return hashlib.sha256(_DUMP(payload).encode()).hexdigest()


def hash_link(event: AuditEvent | Link) -> str:
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


def verify(told: Callable[[int], None] | None = None, *, with_anchor: bool = True) -> ChainState:
    """Walk the whole trail and stop at the first event that does not fit.

    The anchor is read first: events that it knows must all be met on the way, so a tail that was
    cut off and a chain that was computed anew are found, and events added meanwhile do no harm.
    """
    if not with_anchor:
        return _walk(None, told)
    try:
        anchor = anchors.read()
    except anchors.AnchorError as error:
        return replace(_walk(None, told), reason=str(error), is_anchored=False)
    return _walk(anchor, told)


def _walk(anchor: Anchor | None, told: Callable[[int], None] | None) -> ChainState:
    previous, expected, n_erased = FIRST_HASH, 0, 0
    for link in _in_order():
        expected += 1
        reason = _fault(link, previous, expected) or _strays(link, anchor)
        if reason:
            return ChainState(expected - 1, link.sequence, reason, previous, n_erased)
        previous = link.hash
        n_erased += link.erased_at is not None
        if told is not None and expected % TELL_EVERY == 0:
            told(expected)
    if anchor is not None and anchor.sequence > expected:
        reason = f"events {expected + 1:,d} to {anchor.sequence:,d} were cut off the end"
        return ChainState(expected, expected + 1, reason, previous, n_erased)
    is_anchored = anchor is not None or expected == 0
    return ChainState(expected, head_hash=previous, n_erased=n_erased, is_anchored=is_anchored)


def _in_order() -> Iterator[Link]:
    rows = AuditEvent.objects.order_by("sequence").values_list(*Link._fields)
    return map(Link._make, rows.iterator(chunk_size=2000))


def is_sound(event: AuditEvent | Link) -> bool:
    """Tell whether an event fits its own hash; its place in the chain is another matter."""
    return not _fault(event, event.previous_hash, event.sequence)


def _fault(link: AuditEvent | Link, previous: str, expected: int) -> str:
    if link.sequence != expected:
        return f"event {expected} is missing"
    if link.previous_hash != previous:
        return "it does not follow from the event before it: one of the two was put in or moved"
    if link.erased_at is not None:
        if link.summary:
            return "it is marked as erased and still says something"
    elif link.payload_digest != digest_payload(link):
        return "who, what or the summary was changed"
    if link.hash != hash_link(link):
        return "time, actor, team, action or digest was changed"
    return ""


def _strays(link: Link, anchor: Anchor | None) -> str:
    if anchor is None or link.sequence != anchor.sequence or link.hash == anchor.hash:
        return ""
    return "it is not the event that the anchor knows: the chain was computed anew up to here"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
