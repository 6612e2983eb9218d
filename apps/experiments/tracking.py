"""The voice of a training in the database: figures become rows, in batches."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from apps.experiments.models import Metric

if TYPE_CHECKING:
    from pathlib import Path

    from apps.experiments.models import TrainingRun
    from ml_core.tracking.run import Run

PERIOD_S = 0.5
MOST_HELD = 500


class DatabaseRun:
    """Write figures of a training as rows, and hand the rest to its job (implements `Run`)."""

    def __init__(self, training: TrainingRun, job_run: Run) -> None:
        self._training, self._job_run = training, job_run
        self._held: list[Metric] = []
        self._written_at = time.monotonic()

    @property
    def seed(self) -> int:
        """The seed that was asked for."""
        return self._training.seed

    def stage(self, name: str) -> None:
        """Enter a stage."""
        self.flush()
        self._job_run.stage(name)

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Report how far the stage is."""
        self._job_run.progress(done, total, note)
        self._flush_if_due()

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Hold a figure; one that is no number is kept as a gap, which SQL can say."""
        kept = float(value) if math.isfinite(value) else None
        self._held.append(Metric(run=self._training, name=name[:80], step=step, value=kept))
        self._flush_if_due()

    def log(self, message: str) -> None:
        """Write a line to the log of the job."""
        self._job_run.log(message)

    def artifact(self, path: Path) -> None:
        """Say that a file was made; the bundle is kept by the registry, nothing else is."""
        self._job_run.artifact(path)

    def checkpoint(self, name: str) -> Path | None:
        """Keep none here: the child that learns has a folder of its own for them."""
        return None

    def cancelled(self) -> bool:
        """Tell whether somebody asked to stop."""
        self._flush_if_due()
        return self._job_run.cancelled()

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            Metric.objects.bulk_create(self._held)
        self._held = []
        self._written_at = time.monotonic()

    def _flush_if_due(self) -> None:
        if len(self._held) >= MOST_HELD or time.monotonic() - self._written_at >= PERIOD_S:
            self.flush()
