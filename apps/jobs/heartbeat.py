"""A thread that keeps the lease of a running job, and watches its memory."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

if TYPE_CHECKING:
    from types import TracebackType

    from apps.jobs.progress import JobRun

SAMPLE_EVERY_S = 0.5
_log = structlog.get_logger("assay.jobs")


class Heartbeat:
    """Renew a run's lease while the block is inside; a beat of 0 s means no thread (tests)."""

    def __init__(self, run: JobRun) -> None:
        self._run = run
        self._ended = threading.Event()
        self._parent = os.getppid()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> None:
        if settings.ASSAY_JOB_BEAT_S > 0:
            self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=settings.ASSAY_JOB_LEASE_S)

    def _beat(self) -> None:
        due = time.monotonic()
        try:
            while not self._ended.wait(SAMPLE_EVERY_S):
                self._run.memory.sample()
                if time.monotonic() < due:
                    continue
                due = time.monotonic() + settings.ASSAY_JOB_BEAT_S
                if os.getppid() != self._parent or not self._renew():
                    return  # an orphan lets its lease run out, so that another takes the job
        finally:
            connection.close()

    def _renew(self) -> bool:
        try:
            return self._run.renew()
        except DatabaseError as error:  # a busy moment; the lease outlasts several beats
            _log.warning("lease not renewed", job=str(self._run.job_id), error=str(error))
            return True
