"""The one Celery task: it carries the id of a job, and nothing else."""

from __future__ import annotations

import uuid

from celery import shared_task

from apps.jobs import runner


@shared_task(name="jobs.run", ignore_result=True)
def run_job(job_id: str) -> None:
    """Run a job if it still waits; a message that comes twice does nothing."""
    runner.run(uuid.UUID(job_id))
