"""What follows when a job ends without success: its app is told, whoever ended it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from apps.jobs import registry
from ml_core.errors import JobError

if TYPE_CHECKING:
    from apps.jobs.models import Job

_log = structlog.get_logger("assay.jobs")


def tell_end(job: Job) -> None:
    """Call `on_end` of the job's handler, so that its app can set the state of its own rows."""
    try:
        on_end = registry.find(job.kind).on_end
    except JobError:
        _log.warning("no handler to tell of the end", job=str(job.id), kind=job.kind)
        return
    if on_end is not None:
        on_end(job)
