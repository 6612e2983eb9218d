"""All settings of the product; what differs between machines comes from the environment."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF, UNSAFE_INLINE

from apps.config import environment as env
from apps.config.logs import logging_config
from apps.config.version import read_version

BASE_DIR = Path(__file__).resolve().parents[2]
ASSAY_VERSION = read_version(BASE_DIR / "CHANGELOG.md")

# --- where things are kept -------------------------------------------------------------------
ASSAY_HOME = Path(env.text("ASSAY_HOME") or BASE_DIR / "var").resolve()
ASSAY_HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
ASSAY_DATA_DIR = ASSAY_HOME
ASSAY_CACHE_DIR = ASSAY_HOME / "cache"
ASSAY_BENCHMARK_RESULTS = Path(
    env.text("ASSAY_BENCHMARK_RESULTS") or BASE_DIR / "benchmarks" / "results"
)
ASSAY_MODELS_SOCKET = env.text("ASSAY_MODELS_SOCKET") or str(ASSAY_HOME / "run" / "models.sock")
# How long a question waits for the model process to start anew, and how often that looks for
# models that went live; limits by solution and the memory for all are told in docs/serving.md.
ASSAY_MODELS_PATIENCE_S = env.seconds("ASSAY_MODELS_PATIENCE_S", 15)
ASSAY_MODELS_LOOK_S = env.seconds("ASSAY_MODELS_LOOK_S", 5)
ASSAY_MODELS_LIMITS = env.text("ASSAY_MODELS_LIMITS")
ASSAY_MODELS_MEMORY_MB = env.whole("ASSAY_MODELS_MEMORY_MB", 0)

# --- secrets ---------------------------------------------------------------------------------
_kept = env.kept_secrets(ASSAY_HOME / "secrets.env")
SECRET_KEY = env.secret("ASSAY_SECRET_KEY", _kept)
ASSAY_ENCRYPTION_KEY = env.secret("ASSAY_ENCRYPTION_KEY", _kept)
# Further keys to read with, and a file of keys whose first is the current one. Where the key was
# made by the first start, its followers may lie beside it; a key from elsewhere must not.
ASSAY_ENCRYPTION_KEYS_MORE = env.secret("ASSAY_ENCRYPTION_KEYS_MORE", _kept)
ASSAY_KEYS_FILE = env.text("ASSAY_KEYS_FILE") or (
    "" if env.is_given("ASSAY_ENCRYPTION_KEY") else str(ASSAY_HOME / "keys.txt")
)
ASSAY_KMS_ADDRESS = env.text("ASSAY_KMS_ADDRESS")
ASSAY_KMS_KEY = env.text("ASSAY_KMS_KEY", "transit/assay")
ASSAY_KMS_TOKEN = env.secret("ASSAY_KMS_TOKEN", {})
ASSAY_KMS_COMMAND = env.text("ASSAY_KMS_COMMAND")
ASSAY_MLFLOW_URI = env.secret("ASSAY_MLFLOW_URI", {})  # may hold a password; none: MLflow is off
ASSAY_METRICS_TOKEN = env.secret("ASSAY_METRICS_TOKEN", _kept)
# Where features are looked up: redis://..., or nothing for a file of this installation.
ASSAY_FEATURES_URL = env.secret("ASSAY_FEATURES_URL", {})

# --- choices ---------------------------------------------------------------------------------
DEBUG = env.flag("ASSAY_DEBUG")
ASSAY_HTTPS = env.flag("ASSAY_HTTPS")
ASSAY_DJANGO_ADMIN = env.flag("ASSAY_DJANGO_ADMIN", default=DEBUG)
ASSAY_PORT = env.whole("ASSAY_PORT", 8000)
ASSAY_FOUR_EYES = env.flag("ASSAY_FOUR_EYES")
ASSAY_MAX_UPLOAD_BYTES = env.whole("ASSAY_MAX_UPLOAD_BYTES", 5 * 2**30)
ASSAY_INSPECT_UPLOADS = env.flag("ASSAY_INSPECT_UPLOADS", default=True)
ASSAY_SOLUTIONS_ALLOWED = env.names("ASSAY_SOLUTIONS_ALLOWED")
ASSAY_MLFLOW_EXPERIMENT = env.text("ASSAY_MLFLOW_EXPERIMENT", "assay")
ASSAY_RENDEZVOUS = env.names("ASSAY_RENDEZVOUS")
ASSAY_JOB_LEASE_S = env.seconds("ASSAY_JOB_LEASE_S", 15)
ASSAY_JOB_BEAT_S = env.seconds("ASSAY_JOB_BEAT_S", 3)
ASSAY_JOB_REAP_S = env.seconds("ASSAY_JOB_REAP_S", 5)
ASSAY_JOB_LOST_S = env.seconds("ASSAY_JOB_LOST_S", 30)
ASSAY_JOB_DEAF_S = env.seconds("ASSAY_JOB_DEAF_S", 60)
ASSAY_IDEMPOTENCY_KEEP_S = env.seconds("ASSAY_IDEMPOTENCY_KEEP_S", 24 * 3600)
ASSAY_IDEMPOTENCY_LEASE_S = env.seconds("ASSAY_IDEMPOTENCY_LEASE_S", 120)
ASSAY_SCHEDULES_TICK_S = max(1, env.whole("ASSAY_SCHEDULES_TICK_S", 20))
ASSAY_JOB_LOG_LINES = env.whole("ASSAY_JOB_LOG_LINES", 1000)
ALLOWED_HOSTS = env.names("ASSAY_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.names("ASSAY_TRUSTED_ORIGINS")

# --- the apps --------------------------------------------------------------------------------
ASSAY_APPS = [
    "apps.web",
    "apps.catalog",
    "apps.datasets",
    "apps.experiments",
    "apps.registry",
    "apps.inference",
    "apps.answers",
    "apps.features",
    "apps.schedules",
    "apps.monitoring",
    "apps.benchmarks",
    "apps.tracking",
    "apps.jobs",
    "apps.audit",
    "apps.accounts",
    "apps.rest",
    "apps.config",
]
INSTALLED_APPS = [
    *ASSAY_APPS,
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "django_vite",
    "django_celery_beat",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "apps.config.middleware.stream_in_threads",
    "apps.config.middleware.log_request",
    "apps.monitoring.requests.time_request",
    "apps.rest.words.refuse_nul",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.accounts.middleware.use_own_timezone",
    "apps.web.errors.ErrorMiddleware",
    "axes.middleware.AxesMiddleware",
]
CSRF_FAILURE_VIEW = "apps.web.errors.csrf_failure"
ROOT_URLCONF = "apps.config.urls"
ASGI_APPLICATION = "apps.config.asgi.application"
WSGI_APPLICATION = "apps.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- database --------------------------------------------------------------------------------
_database: dict[str, Any] = dict(
    dj_database_url.parse(
        env.secret("DATABASE_URL", {}) or f"sqlite:///{ASSAY_HOME / 'db.sqlite3'}", conn_max_age=0
    )
)
if _database["ENGINE"].endswith("sqlite3"):
    _database["OPTIONS"] = {
        # Writers wait for each other instead of failing half-way when a read turns into a write.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        "PRAGMA cache_size=-16000; PRAGMA mmap_size=134217728;",
    }
    _database["CONN_MAX_AGE"] = 0
elif env.flag("ASSAY_DB_POOL"):
    _database.setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": 8}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ASSAY_BROKER_URL = env.secret("ASSAY_BROKER_URL", {})
# Shared by all processes: a code of a second factor is used once, a rate is counted once.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": ASSAY_BROKER_URL,
    }
    if ASSAY_BROKER_URL.startswith(("redis://", "rediss://"))
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": ASSAY_CACHE_DIR / "shared",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

# --- people ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
_PASSWORD = "django.contrib.auth.password_validation."  # noqa: S105  a module, no password
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": _PASSWORD + "UserAttributeSimilarityValidator"},
    {"NAME": _PASSWORD + "MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": _PASSWORD + "CommonPasswordValidator"},
    {"NAME": _PASSWORD + "NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "apps.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_RATE_LIMITS = {"login": False, "login_failed": False}  # django-axes counts, in the database
MFA_ADAPTER = "apps.accounts.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Assay"
EMAIL_BACKEND = env.text("ASSAY_EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_CALLABLE = "apps.accounts.lockout.username"
AXES_LOCKOUT_CALLABLE = "apps.accounts.lockout.answer"
AXES_VERBOSE = False
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_DISABLE_ACCESS_LOG = True
AXES_IPWARE_PROXY_COUNT = env.whole("ASSAY_PROXIES", 0)
SILENCED_SYSTEM_CHECKS = ["axes.W006"]

# --- safety ----------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ASSAY_HTTPS
SECURE_SSL_REDIRECT = ASSAY_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if ASSAY_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ASSAY_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ASSAY_HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "style-src-attr": [UNSAFE_INLINE],  # widths of bars and positions in charts
        "img-src": [SELF, "data:"],
        "media-src": [SELF],  # sounds of questions
        "font-src": [SELF, "data:"],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [SELF],
        "frame-ancestors": [NONE],
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
# Files of questions stay in memory; those of datasets have a handler of their own.
FILE_UPLOAD_MAX_MEMORY_SIZE = 32 * 2**20
FILE_UPLOAD_TEMP_DIR = str(ASSAY_HOME / "tmp")
(ASSAY_HOME / "tmp").mkdir(mode=0o700, exist_ok=True)

# --- pages -----------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = True
STATIC_URL = "/static/"
STATIC_ROOT = ASSAY_HOME / "static"
STATIC_ROOT.mkdir(exist_ok=True)
_BUILT = BASE_DIR / "frontend" / "dist"
STATICFILES_DIRS = [_BUILT] if _BUILT.is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = not (STATIC_ROOT / "admin").is_dir()
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/.+[.-][0-9a-zA-Z_-]{8,12}\..+$"
DJANGO_VITE = {
    "default": {
        "dev_mode": env.flag("ASSAY_VITE_DEV"),
        "manifest_path": _BUILT / ".vite" / "manifest.json",
    },
}

# --- REST ------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.authentication.ApiKeyAuthentication",
        "apps.accounts.authentication.PageSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.accounts.permissions.Allowed"],
    "DEFAULT_PAGINATION_CLASS": "apps.config.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    # As many proxies as there are may say who calls; without this, every caller may.
    "NUM_PROXIES": env.whole("ASSAY_PROXIES", 0),
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "apps.rest.limits.StrangerLimit",
        "apps.rest.limits.CallerLimit",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.text("ASSAY_RATE_ANONYMOUS", "30/min"),
        "user": env.text("ASSAY_RATE_USER", "1200/min"),
    },
    "EXCEPTION_HANDLER": "apps.web.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Assay",
    "DESCRIPTION": "Everything the pages can do. Errors are problem+json and say what to do next.",
    "VERSION": ASSAY_VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "OAS_VERSION": "3.1.1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.rest.openapi.complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "JobStateEnum": "apps.jobs.models.State",
        "StageEnum": "apps.registry.models.Stage",
        "VersionStateEnum": "apps.datasets.models.VersionState",
    },
}

# --- work in the background ------------------------------------------------------------------
_BROKER = ASSAY_HOME / "broker"
CELERY_BROKER_URL = ASSAY_BROKER_URL or "embedded://localhost/"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    # A message that a dead worker held comes back in seconds; twice delivered is harmless, since
    # the Job row is claimed once.
    {"visibility_timeout": 12 * 3600, "unacked_restore_interval": 2, "unacked_restore_throttle": 1}
    if ASSAY_BROKER_URL
    else {"folder": str(_BROKER), "polling_interval": 0.1}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_DEFAULT_QUEUE = "cpu"
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1, "interval_max": 0.1}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = env.whole("ASSAY_WORKER_CONCURRENCY", 2)
# A process that a large job has blown up is replaced after it, so that it gives its memory back.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1024 * env.whole("ASSAY_WORKER_KEEP_MB", 1024)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = bool(ASSAY_BROKER_URL)
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "schedules": {
        "task": "schedules.tick",
        "schedule": ASSAY_SCHEDULES_TICK_S,
        # One that waited behind long work says nothing that the next one does not.
        "options": {"queue": "cpu", "expire_seconds": max(10, ASSAY_SCHEDULES_TICK_S)},
    },
    "measure": {
        "task": "monitoring.measure", "schedule": 3600, "options": {"expire_seconds": 3000},
    },
    "sweep": {
        "task": "monitoring.sweep", "schedule": 24 * 3600, "options": {"expire_seconds": 3600},
    },
}  # fmt: skip

# --- figures: where each web process counts its requests; read when the library is imported -----
# A folder of its own for each machine: two of them may share a home, and number processes alike.
_COUNTS = ASSAY_HOME / "run" / "metrics" / socket.gethostname()
_COUNTS.mkdir(mode=0o700, parents=True, exist_ok=True)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_COUNTS)

# --- logs ------------------------------------------------------------------------------------
LOGGING_CONFIG = "apps.config.logs.configure"
LOGGING = logging_config(
    json=env.flag("ASSAY_LOG_JSON", default=not DEBUG), level=env.text("ASSAY_LOG_LEVEL", "INFO")
)
