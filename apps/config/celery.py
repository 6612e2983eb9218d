"""The messenger between the web process and the workers."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

# Numba's omp layer kills a forked child, and workers fork.
os.environ.setdefault("NUMBA_THREADING_LAYER", "workqueue")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.config.settings")
TRANSPORT_ALIASES["embedded"] = "apps.jobs.transport:Transport"

app = Celery("assay")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["apps.jobs", "apps.schedules", "apps.monitoring"])
app.autodiscover_tasks(["apps.jobs"], related_name="processes")
