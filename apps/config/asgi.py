"""The web process, for a server that speaks ASGI."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.config.settings")
# Each request has a thread of its own here; workers fork, and a pool must not be inherited.
os.environ.setdefault("ASSAY_DB_POOL", "1")
django.setup(set_prefix=False)

from apps.config.body import BodyHandler  # noqa: E402  needs the settings
from apps.monitoring.requests import forget_the_last_start  # noqa: E402  as above

forget_the_last_start()
application = BodyHandler()
