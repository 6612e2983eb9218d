"""How queues stand: what waits, what runs, and whether anybody serves them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Count, Min, Q
from django.utils import timezone

from apps.jobs.models import Job, Process, State, patience

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

NAMES = ("cpu", "gpu")


@dataclass(slots=True)
class Queue:
    """One queue, counted in the rows of jobs: they are the truth, whatever the broker holds."""

    name: str
    n_waiting: int = 0
    n_running: int = 0
    oldest_at: datetime | None = None
    workers: list[Process] = field(default_factory=list)

    @property
    def is_served(self) -> bool:
        return bool(self.workers)

    @property
    def oldest_s(self) -> float:
        """For how long the oldest job has waited."""
        return (timezone.now() - self.oldest_at).total_seconds() if self.oldest_at else 0.0

    @property
    def remedy(self) -> str:
        """What to do where nobody serves it."""
        return (
            f"Start a worker for it: set ASSAY_QUEUES so that it names {self.name}, or run "
            f"celery -A apps.config.celery worker --queues {self.name}"
        )


def processes() -> list[Process]:
    """Return every worker and beat that was heard of within a day."""
    return list(Process.objects.all())


def queues(heard: Iterable[Process] | None = None) -> list[Queue]:
    """Return all queues, those without work too."""
    found = {name: Queue(name) for name in NAMES}
    counted = (
        Job.objects.open()
        .order_by()
        .values("queue")
        .annotate(
            waiting=Count("pk", filter=Q(state=State.QUEUED)),
            running=Count("pk", filter=Q(state=State.RUNNING)),
            oldest=Min("created_at", filter=Q(state=State.QUEUED)),
        )
    )
    for row in counted:
        queue = found.setdefault(row["queue"], Queue(row["queue"]))
        queue.n_waiting, queue.n_running = row["waiting"], row["running"]
        queue.oldest_at = row["oldest"]
    for process in heard if heard is not None else processes():
        if process.kind == "worker" and process.is_alive:
            for name in process.queues:
                found.setdefault(name, Queue(name)).workers.append(process)
    return list(found.values())


def is_served(name: str) -> bool:
    """Tell whether a worker for a queue was heard of lately."""
    alive = Process.objects.filter(kind="worker", seen_at__gt=timezone.now() - patience())
    return any(name in process.queues for process in alive)
