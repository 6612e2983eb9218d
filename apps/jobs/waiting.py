"""Seeing a job through from a command: by a worker where one serves it, else in this process."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from apps.jobs import runner
from apps.jobs.ending import tell_end
from apps.jobs.models import ENDED, Job, State
from apps.jobs.names import worker_name
from apps.jobs.progress import JobRun
from apps.jobs.queues import is_served
from apps.jobs.reaper import reap
from apps.jobs.services import cancel

if TYPE_CHECKING:
    from apps.accounts.models import User

POLL_S = 0.5
# How long a worker may take to stop at its next step, when whoever waits has had enough.
STOP_S = 30.0


def see_through(job: Job, user: User, *, here: bool = False) -> Job:
    """Return a job when it has ended; work on it in this process if no worker would, or `here`.

    One who interrupts the waiting cancels the job.
    """
    try:
        while not _has_ended(job):
            is_left = here or not is_served(job.queue)
            if job.state == State.QUEUED and is_left:
                runner.run(job.id)
                continue
            if is_left:
                reap()  # there is nobody else to take it back from a worker that died
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        _give_up(job, user)
        raise
    return job


def _give_up(job: Job, user: User) -> None:
    """Cancel a job, and end it at once if it was this process that worked on it."""
    if _has_ended(job):
        return
    cancel(job, user)
    if job.state == State.RUNNING and job.worker == worker_name(os.getpid()):
        with transaction.atomic():
            JobRun(job).finish(state=State.CANCELLED, finished_at=timezone.now())
            job.refresh_from_db()
            tell_end(job)
        return
    until = time.monotonic() + STOP_S
    while not _has_ended(job) and time.monotonic() < until:
        time.sleep(POLL_S)


def _has_ended(job: Job) -> bool:
    job.refresh_from_db()
    return job.state in ENDED
