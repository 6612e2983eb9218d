"""Beat knows one entry, whose task every worker knows."""

from __future__ import annotations

import pytest
from django_celery_beat.schedulers import DatabaseScheduler

from apps.config.celery import app


@pytest.mark.django_db(transaction=True)  # beat closes the connections it finds
def test_beat_sends_a_message_each_few_seconds_that_a_late_worker_ignores(settings):
    app.loader.import_default_modules()
    scheduler = DatabaseScheduler(app=app)

    entry = scheduler.schedule["schedules"]

    assert entry.schedule.run_every.total_seconds() == settings.ASSAY_SCHEDULES_TICK_S
    assert entry.options["expires"] == settings.ASSAY_SCHEDULES_TICK_S
    assert entry.options["queue"] == "cpu"
    assert entry.task in app.tasks


def test_the_task_looks_what_is_due(db, monkeypatch):
    app.loader.import_default_modules()
    looked = []
    monkeypatch.setattr("apps.schedules.tasks.run_due", lambda: looked.append(1))

    app.tasks["schedules.tick"]()

    assert looked == [1]
