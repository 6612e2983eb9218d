"""All that is known of the state of the house, for the page and for programs."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django_celery_beat.models import PeriodicTask

from apps.answers.client import look
from apps.catalog.services import registry
from apps.jobs.queues import processes, queues
from apps.monitoring import readings
from apps.monitoring.models import Kind
from apps.monitoring.readiness import checks
from apps.monitoring.storage import disk
from apps.registry.models import ModelVersion

if TYPE_CHECKING:
    from datetime import datetime

    from apps.jobs.models import Process
    from apps.jobs.queues import Queue
    from apps.monitoring.models import Reading
    from apps.monitoring.readiness import Check
    from apps.monitoring.storage import Disk
    from solutions.registry import Broken

LIBRARIES = (
    "django", "djangorestframework", "celery", "granian", "psycopg", "cryptography", "polars",
    "pyarrow", "numba", "torch", "torch-geometric", "onnxruntime-gpu", "ultralytics", "xgboost-cpu",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the model process holds."""

    memory_mb: float
    models: list[ModelVersion]


@dataclass(frozen=True, slots=True)
class Health:
    """The whole picture."""

    checks: list[Check]
    queues: list[Queue]
    processes: list[Process]
    beat_sent_at: datetime | None
    loaded: Loaded | None
    disk: Disk
    chain: Reading | None
    broken: tuple[Broken, ...]
    versions: list[tuple[str, str]]

    @property
    def warnings(self) -> list[str]:
        """What somebody should look at, each with what to do."""
        said = [f"{check.name.capitalize()}: {check.words}" for check in self.checks
                if not check.is_good]  # fmt: skip
        said += [
            f"No worker serves the queue {queue.name}, where {queue.n_waiting:,} jobs wait. "
            f"{queue.remedy}."
            for queue in self.queues if queue.n_waiting and not queue.is_served
        ]  # fmt: skip
        if not self._lives("worker"):
            said.append("No worker lives: no job begins. Start one, or look at its log.")
        if not self._lives("beat"):
            said.append("The beat does not live: nothing happens by the clock. Start it.")
        if self.disk.state == "warning":
            said.append("The disk is nearly full. Free some room, or add some.")
        if self.chain is not None and not self.chain.facts["is_whole"]:
            said.append("The audit chain is broken. Its page names the first bad event.")
        said += [f"The solution {broken.name} cannot be used: {broken.reason}"
                 for broken in self.broken]  # fmt: skip
        return said

    @property
    def state(self) -> str:
        """In one word: "bad" where the product cannot work."""
        if not all(check.is_good for check in self.checks):
            return "bad"
        return "warning" if self.warnings else "good"

    def _lives(self, kind: str) -> bool:
        return any(process.kind == kind and process.is_alive for process in self.processes)


def health() -> Health:
    """Look at everything, now."""
    heard = processes()
    return Health(
        checks=checks(),
        queues=queues(heard),
        processes=heard,
        beat_sent_at=_last_sent(),
        loaded=_loaded(),
        disk=disk(),
        chain=readings.newest(Kind.CHAIN),
        broken=tuple(registry().broken),
        versions=versions(),
    )


def _last_sent() -> datetime | None:
    sent = PeriodicTask.objects.exclude(last_run_at=None).order_by("-last_run_at")
    newest: datetime | None = sent.values_list("last_run_at", flat=True).first()
    return newest


def _loaded() -> Loaded | None:
    told: dict[str, Any] | None = look()
    if told is None:
        return None
    return Loaded(told["memory_mb"], list(ModelVersion.objects.filter(pk__in=told["models"])))


def versions() -> list[tuple[str, str]]:
    """Return what is installed, read from its records: importing it would cost seconds."""
    found = [("assay", settings.ASSAY_VERSION), ("python", platform.python_version())]
    found.append((connection.vendor, _database_version()))
    for name in LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed"))
    return found


def _database_version() -> str:
    return ".".join(str(part) for part in connection.get_database_version())
