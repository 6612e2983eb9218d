"""The one Celery task of the beat: it looks which policies are due, and is soon done."""

from __future__ import annotations

from celery import shared_task

from apps.schedules.due import run_due


@shared_task(name="schedules.tick", ignore_result=True)
def tick() -> None:
    """Begin what is due; one that comes twice does nothing more."""
    run_due()
