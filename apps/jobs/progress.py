"""How running work tells its row where it is, and hears that it should stop."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from apps.jobs.memory import PeakMemory
from apps.jobs.models import Job, JobEvent
from ml_core.errors import AssayError

if TYPE_CHECKING:
    from pathlib import Path

WRITE_EVERY_S = 0.5
ASK_EVERY_S = 0.5


class LostLeaseError(AssayError):
    """Another worker holds the job now; nothing that this one writes may count."""


class JobRun:
    """The voice of one attempt at a job; every write is fenced by the attempt's number."""

    def __init__(self, job: Job, *, seed: int = 0) -> None:
        self._seed = seed
        self.job_id, self.attempt = job.id, job.attempt
        self.memory = PeakMemory()
        self._stages: list[dict[str, Any]] = []
        self._peak_mb = 0.0
        self._stage = ""
        self._stage_at = self._first_at = time.monotonic()
        self._first_done = 0.0
        self._written_at = self._asked_at = float("-inf")
        self._pending: dict[str, Any] = {}
        self._stop = False
        self._n_lines = 0

    @property
    def seed(self) -> int:
        return self._seed

    def stage(self, name: str) -> None:
        """Enter a stage; the one before it is kept with its time and peak memory."""
        self._close_stage()
        self._stage = name[:80]
        self._stage_at = time.monotonic()
        self._first_done, self._first_at = 0.0, self._stage_at
        self.memory.reset()
        blank = {"done": 0.0, "total": 0.0, "note": "", "rate": None, "eta_s": None}
        self._write({**blank, "stage": self._stage, "stages": self._stages})
        self.log(name)

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Report progress; the row is written at most every half second, and at the end."""
        self._pending = {"done": done, "total": total, "note": note[:200]}
        if done >= total or time.monotonic() - self._written_at >= WRITE_EVERY_S:
            self._flush()

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Say a figure in the log; apps that keep metrics wrap this run."""
        self.log(f"{name} = {value:g}" + ("" if step is None else f" at {step}"))

    def log(self, message: str) -> None:
        """Add a line to the log of the job, up to a limit."""
        self._n_lines += 1
        limit = settings.ASSAY_JOB_LOG_LINES
        if self._n_lines > limit:
            return
        if self._n_lines == limit:
            message = f"The log ends here, at {limit} lines."
        JobEvent.objects.create(job_id=self.job_id, message=message[:2000])

    def artifact(self, path: Path) -> None:
        """Ignore the file; apps that keep files wrap this run."""

    def checkpoint(self, name: str) -> Path | None:
        """Keep none; apps that keep files wrap this run."""
        return None

    def cancelled(self) -> bool:
        """Tell whether to stop; asks the row at most every half second."""
        now = time.monotonic()
        if not self._stop and now - self._asked_at >= ASK_EVERY_S:
            self._asked_at = now
            held = Job.objects.held(self.job_id, self.attempt)
            asked = held.values_list("cancel_requested", flat=True).first()
            self._stop = asked is None or bool(asked)
        return self._stop

    def renew(self) -> bool:
        """Renew the lease; False when the job is no longer ours."""
        until = timezone.now() + timedelta(seconds=settings.ASSAY_JOB_LEASE_S)
        held = Job.objects.held(self.job_id, self.attempt)
        ours = bool(held.update(lease_until=until))
        self._stop = self._stop or not ours
        return ours

    def finish(self, **fields: Any) -> None:
        """Write the last words of this attempt, together with its last stage.

        Raises: LostLeaseError: if the job is no longer ours.
        """
        if self._pending:
            fields = {**self._measured(), **fields}
        self._close_stage()
        self._write(
            {**fields, "stages": self._stages, "eta_s": None, "lease_until": None,
             "peak_memory_mb": self._peak_mb}
        )  # fmt: skip

    def _close_stage(self) -> None:
        peak = self.memory.megabytes
        self._peak_mb = max(self._peak_mb, peak)
        if self._stage:
            seconds = round(time.monotonic() - self._stage_at, 3)
            self._stages.append({"name": self._stage, "seconds": seconds, "peak_memory_mb": peak})
        self._stage = ""

    def _flush(self) -> None:
        if self._first_done == 0 and self._pending["done"] > 0:
            # The rate counts from the first report, so that a slow start does not spoil it.
            self._first_done, self._first_at = self._pending["done"], time.monotonic()
        self._write(self._measured())
        self._pending = {}

    def _measured(self) -> dict[str, Any]:
        done, total = self._pending["done"], self._pending["total"]
        now = time.monotonic()
        since, at = (self._first_done, self._first_at)
        if now - at < WRITE_EVERY_S:
            since, at = 0.0, self._stage_at
        rate = (done - since) / (now - at) if now > at and done > since else None
        eta_s = max(0.0, (total - done) / rate) if rate else None
        return {**self._pending, "rate": rate, "eta_s": eta_s}

    def _write(self, fields: dict[str, Any]) -> None:
        self._written_at = time.monotonic()
        if not Job.objects.held(self.job_id, self.attempt).update(**fields):
            self._stop = True
            raise LostLeaseError("This attempt lost the job to another worker. It stops.")
