"""Notice that this worker hears no message any more, so that another can begin in its place.

A process of the pool that is killed while it waits for work keeps the lock of the queue between
the worker and its pool for ever. The worker then lives, tells so, takes messages, and does nothing.
"""

from __future__ import annotations

import time

from celery.worker import state
from django.conf import settings


class Hearing:
    """Watches for how long messages were taken while none was being worked on."""

    def __init__(self) -> None:
        self._silent_since: float | None = None

    def is_lost(self) -> bool:
        """Tell whether taken messages lay untouched, each time in a row, for too long."""
        if state.active_requests or not state.reserved_requests:
            self._silent_since = None
            return False
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        return now - self._silent_since >= settings.ASSAY_JOB_DEAF_S
