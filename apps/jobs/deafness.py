"""Notice that this worker hears no message any more, so that another can begin in its place.

A process of the pool that is killed while it waits for work keeps the lock of the queue between
the worker and its pool for ever. The worker then lives, tells so, takes messages, and does nothing.
"""

from __future__ import annotations

import time
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from apps.jobs import presence
from apps.jobs.models import Job, State


class Hearing:
    """Watches for how long work has waited for this worker while it did nothing."""

    def __init__(self) -> None:
        self._silent_since: float | None = None

    def is_lost(self) -> bool:
        """Tell whether it was idle beside waiting work, each time in a row, for too long."""
        if not _is_idle_beside_work():
            self._silent_since = None
            return False
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        return now - self._silent_since >= settings.ASSAY_JOB_DEAF_S


def _is_idle_beside_work() -> bool:
    me = presence.own_row()
    if me is None:
        return False
    before = timezone.now() - timedelta(seconds=settings.ASSAY_JOB_DEAF_S)
    waiting = Job.objects.filter(state=State.QUEUED, queue__in=me.queues, created_at__lt=before)
    if not waiting.exists():
        return False
    return not Job.objects.filter(state=State.RUNNING, worker__in=me.pool).exists()
