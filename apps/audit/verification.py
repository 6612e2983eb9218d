"""Walking the chain on request: one check at a time, what it found is kept and recorded."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from apps.audit import anchor
from apps.audit.chain import verify
from apps.audit.models import AuditEvent, ChainCheck
from apps.audit.services import record
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Callable

    from apps.accounts.models import User
    from apps.audit.chain import ChainState

# Sent within the transaction that makes a check; who runs it answers with where to watch it.
check_asked = Signal()
_GIVEN_UP = timedelta(hours=2)  # after this long nobody walks any more


@transaction.atomic
def ask(user: User | None) -> ChainCheck:
    """Start a check of the whole chain; while one waits or runs, that one is returned."""
    known = ChainCheck.objects.open().filter(asked_at__gt=timezone.now() - _GIVEN_UP).first()
    if known is not None:
        return known
    check = ChainCheck.objects.create(asked_by=user)
    for _receiver, address in check_asked.send(sender=ChainCheck, check=check):
        check.progress_url = address or ""
    check.save(update_fields=["progress_url"])
    return check


def walk(check: ChainCheck, told: Callable[[int, int], None]) -> ChainState:
    """Verify the chain for a check, and keep what was found."""
    started = time.monotonic()
    total = AuditEvent.objects.order_by("-sequence").values_list("sequence", flat=True).first() or 0

    def tell(done: int) -> None:
        ChainCheck.objects.filter(pk=check.pk).update(n_done=done, n_total=max(total, done))
        told(done, max(total, done))

    tell(0)
    state = verify(tell)
    told(max(total, 1), max(total, 1))
    _keep(check, state, time.monotonic() - started)
    return state


def fail(check_id: str, error: str) -> None:
    """Say that a check came to no end."""
    ChainCheck.objects.open().filter(pk=check_id).update(
        finished_at=timezone.now(), error=error or "It was cancelled."
    )


@transaction.atomic
def _keep(check: ChainCheck, state: ChainState, seconds: float) -> None:
    check.finished_at, check.seconds = timezone.now(), seconds
    check.n_events, check.n_erased = state.n_events, state.n_erased
    check.is_anchored = state.is_anchored
    check.bad_sequence, check.reason, check.error = state.bad_sequence, state.reason, ""
    check.save()
    record(
        "audit.verified",
        actor=check.asked_by,
        thing=check,
        is_whole=state.is_whole,
        n_events=state.n_events,
        bad_sequence=state.bad_sequence,
        reason=state.reason,
        head_hash=state.head_hash,
    )


def anchor_here(user: User | None, reason: str) -> AuditEvent:
    """Put the anchor to the end of the chain as it is, after a restore from a backup.

    Raises: DataError: without a reason, or if the chain is broken within.
    """
    if not reason.strip():
        message = "Moving the anchor must have a reason. Got none. Say what happened."
        raise DataError(Issue("reason", message))
    inside = verify(with_anchor=False)
    if not inside.is_whole:
        message = f"The chain must be whole to be anchored. It breaks at {inside.bad_sequence}."
        raise DataError(Issue("broken", message))
    found = verify().reason or "whole"
    event = record(
        "audit.anchored", actor=user, reason=reason.strip(),
        found=found, n_events=inside.n_events,
    )  # fmt: skip
    transaction.on_commit(lambda: anchor.put(anchor.Anchor(event.sequence, event.hash)))
    return event
