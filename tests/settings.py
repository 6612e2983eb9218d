"""Settings under which tests run: the product's own, in a home that is thrown away."""

import atexit
import base64
import os
import shutil
import tempfile

_HOME = tempfile.mkdtemp(prefix="assay-test-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
# `python -m tests.servers` has started them; each process of tests has a Redis to itself.
_POSTGRES, _REDIS = (os.environ.get(f"ASSAY_TEST_{name}") for name in ("POSTGRES", "REDIS"))
_SERVERS = {}
if _POSTGRES and _REDIS:
    _number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    _SERVERS["DATABASE_URL"] = f"{_POSTGRES}/postgres"
    _SERVERS["ASSAY_BROKER_URL"] = f"{_REDIS}/{_number}"
os.environ.update(
    ASSAY_HOME=_HOME,
    ASSAY_SECRET_KEY="only-for-tests-" + "x" * 50,
    ASSAY_ENCRYPTION_KEY=base64.b64encode(b"only for tests: 32 bytes of key!").decode(),
    ASSAY_JOB_BEAT_S="0",  # the runner works in the test's own thread and transaction
    ASSAY_MODELS_PATIENCE_S="0",  # nobody waits for a process that a test has not started
    ASSAY_INSPECT_UPLOADS="0",  # tests of uploads count jobs; those of inspections switch it on
    ASSAY_LOG_LEVEL="WARNING",
    ASSAY_LOG_JSON="0",
    ASSAY_RATE_ANONYMOUS="100000/min",
    ASSAY_RATE_USER="100000/min",
    ASSAY_ALLOWED_HOSTS="localhost,127.0.0.1,[::1],testserver",
    HF_HUB_OFFLINE="1",
    YOLO_OFFLINE="true",
    NUMBA_THREADING_LAYER="workqueue",
    **_SERVERS,
)

from apps.config.settings import *  # noqa: E402, F403
from apps.config.settings import DATABASES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: threads and other processes of a test see what the test sees.
    DATABASES["default"]["TEST"] = {"NAME": f"{_HOME}/test.sqlite3"}
if not _SERVERS:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
