"""What comes next: the times of all policies in one list."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from django.utils import timezone

from apps.schedules.cron import Cron
from apps.schedules.models import Trigger
from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from apps.schedules.models import Policy

N_NEXT = 5


@dataclass(frozen=True, slots=True, order=True)
class Coming:
    """A time, and whose it is."""

    at: datetime
    name: str
    url: str
    is_overdue: bool


def coming(policies: Iterable[Policy], count: int) -> list[Coming]:
    """Return the next times of the policies that go by the clock and do not rest."""
    return list(islice(heapq.merge(*(_times(one, count) for one in policies)), count))


def next_of(policy: Policy, count: int = N_NEXT) -> list[Coming]:
    """Return the next times of one policy."""
    return list(_times(policy, count))


def preview(text: str, zone: str) -> tuple[str, list[datetime]]:
    """Return what a schedule says in words, and its next times.

    Raises: ConfigError: naming what cannot be.
    """
    cron = Cron.read(text, zone)
    return cron.in_words(), list(islice(cron.after(timezone.now()), N_NEXT))


def in_words(policy: Policy) -> str:
    """Say when a policy runs."""
    if policy.trigger == Trigger.LABELS:
        return f"After {policy.n_labels:,} new labels"
    try:
        words = Cron.read(policy.cron, policy.zone).in_words()
    except ConfigError:
        words = policy.cron
    least = f", if there are {policy.n_labels:,} new labels" if policy.n_labels else ""
    return f"{words} ({policy.zone}){least}"


def _times(policy: Policy, count: int) -> Iterator[Coming]:
    if policy.trigger != Trigger.CLOCK or policy.is_paused or policy.next_at is None:
        return
    url = policy.get_absolute_url()
    now = timezone.now()
    yield Coming(policy.next_at, policy.name, url, policy.next_at < now)
    cron = Cron.read(policy.cron, policy.zone)
    for at in islice(cron.after(max(now, policy.next_at)), count - 1):
        yield Coming(at, policy.name, url, is_overdue=False)
