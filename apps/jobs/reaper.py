"""Bring back the work of dead workers and of lost messages."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.jobs import presence
from apps.jobs.ending import tell_end
from apps.jobs.models import Job, JobEvent, State
from apps.jobs.services import dispatch

if TYPE_CHECKING:
    from datetime import datetime

    from apps.jobs.deafness import Hearing

MOST_PATIENT_S = 300.0
_log = structlog.get_logger("assay.jobs")
# A worker forks while the reaper's thread may hold locks of the database library, which would
# stay locked in the child for ever. So a fork waits until the reaper has finished its round.
_round = threading.Lock()
os.register_at_fork(
    before=_round.acquire, after_in_parent=_round.release, after_in_child=_round.release
)


def reap(*, resend_after_s: float | None = None) -> int:
    """Take back jobs whose lease ran out, resend lost messages; returns how many were moved.

    Safe to run in several processes at once: each move is one conditional update, and a message
    that comes twice does nothing.
    """
    now = timezone.now()
    n_moved = 0
    for job in Job.objects.filter(state=State.RUNNING, lease_until__lt=now):
        n_moved += _take_back(job)
    for job in Job.objects.filter(state=State.QUEUED):
        if _is_lost(job, now, resend_after_s):
            dispatch(job)
    return n_moved


def _is_lost(job: Job, now: datetime, resend_after_s: float | None) -> bool:
    """Guess that a message was lost; ever more patiently, since workers may just be busy."""
    told = job.dispatched_at or job.created_at
    if resend_after_s is None:
        patience_s = max(settings.ASSAY_JOB_LOST_S, (told - job.created_at).total_seconds())
        resend_after_s = 5 if job.dispatched_at is None else min(patience_s, MOST_PATIENT_S)
    return (now - told).total_seconds() > resend_after_s


def _take_back(job: Job) -> bool:
    if job.cancel_requested:
        return _end(job, State.CANCELLED, "The worker stopped after the job had been cancelled.")
    if job.attempt >= job.max_attempts:
        reason = (
            f"The worker stopped in the middle of the job, for the {job.attempt}. time. "
            "Perhaps it ran out of memory. Nothing half-done is shown. "
            "Retry it, or ask an admin to look at the worker."
        )
        return _end(job, State.FAILED, reason)
    with transaction.atomic():
        if not _move(job, state=State.QUEUED, dispatched_at=None):
            return False
        message = "The worker stopped in the middle of the job. It is given to another."
        JobEvent.objects.create(job=job, level="warning", message=message)
        transaction.on_commit(lambda: dispatch(job), robust=True)
    _log.warning("job taken back", job=str(job.id), attempt=job.attempt)
    return True


def _end(job: Job, state: State, reason: str) -> bool:
    error = reason if state == State.FAILED else ""
    with transaction.atomic():
        if not _move(job, state=state, error=error, finished_at=timezone.now(), eta_s=None):
            return False
        JobEvent.objects.create(job=job, level="error", message=reason)
        job.refresh_from_db()
        tell_end(job)
    _log.warning("job ended by the reaper", job=str(job.id), state=str(state))
    return True


def _move(job: Job, **fields: Any) -> int:
    """Change the row only if it is still the attempt whose lease ran out."""
    held = Job.objects.held(job.id, job.attempt)
    return held.filter(lease_until__lt=timezone.now()).update(lease_until=None, **fields)


def keep_reaping(stop: threading.Event, hearing: Hearing | None = None) -> None:
    """Reap every few seconds until told to stop; end this process if it hears nothing."""
    while not stop.wait(settings.ASSAY_JOB_REAP_S):
        if reap_once(hearing=hearing):
            _log.error("worker hears no messages", then="it ends, and another begins")
            os._exit(1)  # an orderly stop would wait for the pool, which is what hangs


def reap_once(*, resend_after_s: float | None = None, hearing: Hearing | None = None) -> bool:
    """Reap, and leave no connection open that a forked child could inherit.

    Returns whether this worker has lost its hearing.
    """
    with _round:
        try:
            presence.tell()
            reap(resend_after_s=resend_after_s)
            return hearing is not None and hearing.is_lost()
        except DatabaseError as error:
            _log.warning("reaper could not read", error=str(error))
            return False
        finally:
            connection.close()
