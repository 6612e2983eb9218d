"""What people and the product do to jobs from outside: enqueue, cancel, retry, dispatch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.accounts.policies import require
from apps.audit.services import record
from apps.jobs.ending import tell_end
from apps.jobs.models import Job, JobEvent, State
from apps.jobs.registry import rights_to_retry
from ml_core.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apps.accounts.models import Team, User

_log = structlog.get_logger("assay.jobs")


def enqueue(  # noqa: PLR0913  what, for whom, and where
    *,
    kind: str,
    title: str,
    team: Team,
    user: User | None,
    params: Mapping[str, Any],
    queue: Literal["cpu", "gpu"] = "cpu",
    solution: str = "",
) -> Job:
    """Put work into a queue; a worker is told when the caller's transaction has committed."""
    job = Job.objects.create(
        kind=kind,
        title=title[:200],
        team=team,
        created_by=user,
        params=dict(params),
        queue=queue,
        solution=solution,
    )
    # Robust: the row is there by now, and a caller who hears of an error would undo its files.
    transaction.on_commit(lambda: dispatch(job), robust=True)
    return job


def dispatch(job: Job) -> None:
    """Tell the workers of a queued job; if nobody can be told now, the reaper tells again."""
    from apps.jobs.tasks import run_job  # noqa: PLC0415  tasks import the runner, which is not needed here

    Job.objects.filter(id=job.id, state=State.QUEUED).update(dispatched_at=timezone.now())
    try:
        run_job.apply_async(args=[str(job.id)], queue=job.queue)
    except (OperationalError, OSError) as error:
        _log.warning("broker unreachable", job=str(job.id), error=str(error))


@transaction.atomic
def cancel(job: Job, user: User | None) -> Job:
    """Stop a job: at once while it waits, at its next step while it runs.

    Raises: JobError: if it has ended already.
    """
    now = timezone.now()
    waiting = Job.objects.filter(id=job.id, state=State.QUEUED).update(
        state=State.CANCELLED, finished_at=now, cancel_requested=True
    )
    running = Job.objects.filter(id=job.id, state=State.RUNNING).update(cancel_requested=True)
    job.refresh_from_db()
    if not waiting and not running:
        raise JobError(
            f"A job must wait or run to be cancelled. This one has {job.state}. Nothing to do."
        )
    JobEvent.objects.create(job=job, level="warning", message=f"Cancelled by {user or 'system'}.")
    record("job.cancelled", actor=user, team=job.team, thing=job, kind=job.kind)
    if waiting:
        tell_end(job)
    return job


@transaction.atomic
def retry(job: Job, user: User | None) -> Job:
    """Put a failed or cancelled job back into its queue, with its attempts before it again.

    Raises: JobError: if it has not failed and was not cancelled. NotAllowedError, Http404: if
        this person may not begin such a job.
    """
    if user is not None:
        for action in rights_to_retry(job.kind):
            require(user, action, job)
    moved = Job.objects.filter(id=job.id, state__in=[State.FAILED, State.CANCELLED]).update(
        state=State.QUEUED,
        max_attempts=F("attempt") + 2,
        cancel_requested=False,
        error="",
        started_at=None,
        finished_at=None,
        dispatched_at=None,
        lease_until=None,
        **BLANK_PROGRESS,
    )
    job.refresh_from_db()
    if not moved:
        raise JobError(
            f"A job must have failed or been cancelled to be retried. This one is {job.state}. "
            "Wait for its end, or start a new one."
        )
    JobEvent.objects.create(job=job, message=f"Retried by {user or 'system'}.")
    record("job.retried", actor=user, team=job.team, thing=job, kind=job.kind)
    transaction.on_commit(lambda: dispatch(job), robust=True)
    return job


BLANK_PROGRESS: dict[str, Any] = {
    "stage": "",
    "done": 0.0,
    "total": 0.0,
    "note": "",
    "rate": None,
    "eta_s": None,
    "stages": [],
    "peak_memory_mb": None,
}
