"""Whether this installation can work: what a load balancer asks, and what the page says."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

from apps.answers.client import look
from apps.jobs.tasks import run_job
from apps.monitoring.storage import disk

if TYPE_CHECKING:
    from collections.abc import Callable

BROKER_S = 2.0
_log = structlog.get_logger("assay.monitoring")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must work; `words` say how it is and, if it is not, what to do."""

    name: str
    is_good: bool
    words: str


def checks() -> list[Check]:
    """Ask everything that the product needs, each within seconds."""
    return [
        Check(name, *_asked(name, ask))
        for name, ask in (
            ("database", _database),
            ("broker", _broker),
            ("storage", _storage),
            ("models", _models),
        )
    ]


def _asked(name: str, ask: Callable[[], tuple[bool, str]]) -> tuple[bool, str]:
    """Return what a check says; the reason of a failure is for the log, not for strangers."""
    try:
        return ask()
    except (DatabaseError, OperationalError, OSError) as error:
        _log.warning("not ready", part=name, error=str(error))
        return False, _REMEDIES[name]


_REMEDIES = {
    "database": "The database cannot be reached. Start it, or correct DATABASE_URL.",
    "broker": "The broker cannot be reached. Start it, or correct ASSAY_BROKER_URL.",
    "storage": "Files cannot be written. Check the rights of the data folder, and the disk.",
}


def _database() -> tuple[bool, str]:
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True, f"answers in {1000 * (time.perf_counter() - started):.1f} ms"


def _broker() -> tuple[bool, str]:
    """Reach the broker; the embedded one is a folder that must take messages."""
    if not settings.ASSAY_BROKER_URL:
        _write_in(Path(str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["folder"])))
        return True, "embedded, takes messages"
    with run_job.app.connection_for_write(connect_timeout=BROKER_S) as link:
        link.ensure_connection(max_retries=1, timeout=BROKER_S)
        return True, f"{link.transport.driver_name} answers"


def _storage() -> tuple[bool, str]:
    _write_in(Path(settings.ASSAY_DATA_DIR) / "blobs")
    if disk().state == "bad":
        return False, "The disk is full. Free some room; uploads are refused until then."
    return True, "can be written"


def _models() -> tuple[bool, str]:
    told = look()
    if told is None:
        return False, (
            "The process that answers with models does not answer. Start it with "
            "manage.py answer_questions; make run does so by itself."
        )
    return True, f"{len(told['models'])} models loaded, {told['memory_mb']:,.0f} MiB"


def _write_in(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"ready?")
