"""The events that recorded some steps, each checked for itself, and how the chain was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse

from apps.audit.chain import is_sound
from apps.audit.models import AuditEvent, ChainCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Q

    from apps.accounts.models import User


def evidence(user: User, about: Q, actions: Sequence[str]) -> dict[str, Any]:
    """Return what a person may read of these events, oldest first, with the last check.

    An event that is sound fits its own hash. Whether the chain was whole, the check tells, for
    the events that it met.
    """
    events = AuditEvent.objects.visible_to(user).filter(about, action__in=actions)
    check = ChainCheck.objects.exclude(finished_at=None).first()
    n_met = check.n_events if check is not None and not check.error else 0
    return {
        "events": [_event(event, n_met) for event in events.order_by("sequence")],
        "check": _check(check) if check is not None else None,
    }


def _event(event: AuditEvent, n_met: int) -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "at": event.at,
        "actor": event.actor_label,
        "action": event.action,
        "thing": event.thing_label,
        "hash": event.hash,
        "is_sound": is_sound(event),
        "was_checked": event.sequence <= n_met,
        # The trail, with this event as its first.
        "url": f"{reverse('audit:index')}?before={event.sequence + 1}",
    }


def _check(check: ChainCheck) -> dict[str, Any]:
    return {
        "state": check.state,
        "at": check.finished_at,
        "n_events": check.n_events,
        "is_anchored": check.is_anchored,
        "bad_sequence": check.bad_sequence,
        "reason": check.reason or check.error,
    }
