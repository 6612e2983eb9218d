"""What the beat asks for is there to be done."""

from django.conf import settings

from apps.config.celery import app
from apps.monitoring import readings, tasks
from apps.monitoring.models import Kind


def test_every_entry_of_the_beat_names_a_task_that_workers_know():
    app.loader.import_default_modules()

    wanted = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert {"monitoring.measure", "monitoring.sweep"} <= wanted <= set(app.tasks)


def test_the_hourly_task_measures_and_verifies(db, settings, tmp_path):
    settings.ASSAY_DATA_DIR = tmp_path

    tasks.measure()

    assert readings.newest(Kind.STORAGE) is not None
    assert readings.newest(Kind.CHAIN).facts["is_whole"]
