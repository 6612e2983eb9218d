"""The web process, for a server that speaks ASGI."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.config.settings")
# Each request has a thread of its own here; workers fork, and a pool must not be inherited.
os.environ.setdefault("ASSAY_DB_POOL", "1")
application = get_asgi_application()
