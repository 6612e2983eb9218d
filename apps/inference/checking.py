"""Scoring that begins with an upload: its check comes first, whoever does it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from apps.datasets.models import VersionState
from apps.jobs import runner
from apps.jobs.models import State
from ml_core.errors import DataError, Issue
from ml_core.tracking.run import stop_if_cancelled

if TYPE_CHECKING:
    from apps.datasets.models import DatasetVersion
    from apps.jobs.progress import JobRun

PAUSE_S = 0.5


def wait_until_checked(version: DatasetVersion, run: JobRun) -> None:
    """Return when a version is ready; check it here where nobody has begun to.

    A worker that only waited would wait for ever where it is the only one.

    Raises: DataError: with the reasons, if it is refused. CancelledError: if asked to stop.
    """
    run.stage("Checking")
    while True:
        stop_if_cancelled(run)
        version.refresh_from_db()
        if version.is_ready:
            return
        if version.state != VersionState.CHECKING or version.job is None:
            raise DataError(_reasons(version))
        job = version.job
        if job.state == State.QUEUED:
            runner.run(job.pk)
            continue
        run.progress(job.done, job.total, job.note)
        time.sleep(PAUSE_S)


def _reasons(version: DatasetVersion) -> list[Issue]:
    known = [Issue(**issue) for issue in version.issues]
    message = version.error or f"The check of the pictures must succeed. It is {version.state}."
    return known or [Issue("not_checked", message)]
