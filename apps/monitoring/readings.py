"""Keep and find what was measured."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from apps.audit.chain import verify
from apps.monitoring.models import Kind, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

KEEP_FOR = timedelta(days=90)


def keep(kind: Kind, facts: Mapping[str, Any]) -> Reading:
    """Keep a reading, and forget those that nobody asks for any more."""
    Reading.objects.filter(kind=kind, at__lt=timezone.now() - KEEP_FOR).delete()
    return Reading.objects.create(kind=kind, facts=dict(facts))


def newest(kind: Kind) -> Reading | None:
    """Return the newest reading of a kind, None where nothing was measured yet."""
    return Reading.objects.filter(kind=kind).order_by("-at").first()


def verify_chain() -> Reading:
    """Walk the audit trail and keep whether it is whole."""
    state = verify()
    facts = {
        "is_whole": state.is_whole,
        "n_events": state.n_events,
        "bad_sequence": state.bad_sequence,
        "reason": state.reason,
    }
    return keep(Kind.CHAIN, facts)
