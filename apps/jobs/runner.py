"""Run one job: claim its row, keep its lease, call its handler, and write how it ended."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.jobs import registry
from apps.jobs.ending import tell_end
from apps.jobs.heartbeat import Heartbeat
from apps.jobs.models import ENDED, Job, JobEvent, State
from apps.jobs.names import worker_name
from apps.jobs.progress import JobRun, LostLeaseError
from apps.jobs.services import BLANK_PROGRESS, dispatch
from ml_core.errors import AssayError, CancelledError, DataError, JobError

if TYPE_CHECKING:
    import uuid

_log = structlog.get_logger("assay.jobs")


def run(job_id: uuid.UUID) -> Job | None:
    """Run a job to its end; None if it was not there to be taken."""
    job = claim(job_id)
    if job is None:
        _log.info("job not waiting", job=str(job_id))
        return None
    with structlog.contextvars.bound_contextvars(job=str(job.id), kind=job.kind):
        _log.info("job started", attempt=job.attempt)
        try:
            _work(job)
        except LostLeaseError:
            _log.warning("lease lost", attempt=job.attempt)
            return None
        _log.info("job ended", state=job.state, seconds=job.seconds)
    if job.state == State.QUEUED:
        dispatch(job)
    return job


def claim(job_id: uuid.UUID) -> Job | None:
    """Take a waiting job by one conditional update, which one worker only can win."""
    now = timezone.now()
    taken = Job.objects.filter(id=job_id, state=State.QUEUED).update(
        state=State.RUNNING,
        attempt=F("attempt") + 1,
        lease_until=now + timedelta(seconds=settings.ASSAY_JOB_LEASE_S),
        worker=worker_name(os.getpid()),
        started_at=now,
        finished_at=None,
        error="",
        **BLANK_PROGRESS,
    )
    return Job.objects.select_related("team", "created_by").get(id=job_id) if taken else None


def _work(job: Job) -> None:
    run = JobRun(job)
    with Heartbeat(run):
        fields = _outcome(job, run)
    # In one transaction: a worker that dies here leaves no row of an app waiting for ever.
    with transaction.atomic():
        run.finish(finished_at=timezone.now(), **fields)
        job.refresh_from_db()
        if job.state in ENDED - {State.SUCCEEDED}:
            tell_end(job)


def _outcome(job: Job, run: JobRun) -> dict[str, Any]:
    try:
        result_url = registry.find(job.kind).work(job, run)
    except LostLeaseError:
        raise
    except Exception as error:  # noqa: BLE001  whatever a handler does, the row tells how it ended
        return _ending(job, error)
    return {"state": State.SUCCEEDED, "result_url": result_url[:300]}


def _ending(job: Job, error: Exception) -> dict[str, Any]:
    if isinstance(error, CancelledError):
        return {"state": State.CANCELLED}
    if isinstance(error, DataError):
        reasons = "\n".join(issue.message for issue in error.issues[:20])
        return _fail(job, State.REJECTED, reasons)
    if isinstance(error, JobError) and not error.permanent and job.attempt < job.max_attempts:
        return _again(job, str(error))
    if isinstance(error, AssayError):
        return _fail(job, State.FAILED, str(error))
    _log.error("job failed", exc_info=error)
    reason = (
        f"The job stopped at an unexpected {type(error).__name__}. Nothing half-done is shown. "
        "Try again; if it fails again, give the number of the job to an admin."
    )
    return _fail(job, State.FAILED, reason)


def _fail(job: Job, state: State, reason: str) -> dict[str, Any]:
    JobEvent.objects.create(job=job, level="error", message=reason)
    return {"state": state, "error": reason}


def _again(job: Job, reason: str) -> dict[str, Any]:
    JobEvent.objects.create(job=job, level="warning", message=f"{reason} Trying again.")
    return {"state": State.QUEUED, "dispatched_at": None}
