"""One row for each piece of work in the background: the truth about it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import TeamOwned, TeamOwnedQuerySet

if TYPE_CHECKING:
    import uuid


class State(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    REJECTED = "rejected", "Rejected"
    CANCELLED = "cancelled", "Cancelled"


ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.REJECTED, State.CANCELLED})


class JobQuerySet(TeamOwnedQuerySet):
    def open(self) -> Self:
        """Keep jobs that wait or run."""
        return self.exclude(state__in=ENDED)

    def held(self, job_id: uuid.UUID, attempt: int) -> Self:
        """Keep a job only while this attempt holds it: the fence before every write."""
        return self.filter(id=job_id, attempt=attempt, state=State.RUNNING)


class Job(TeamOwned):
    """Work with a state, progress and a log, that survives the process doing it.

    Whoever runs it holds a lease that must be renewed. `attempt` counts claims and only ever
    grows; every write of a runner names its attempt, so one that lost the job cannot touch it.
    """

    kind = models.CharField(max_length=32, db_index=True)
    title = models.CharField(max_length=200)
    solution = models.CharField(max_length=32, blank=True, db_index=True)
    queue = models.CharField(max_length=8, default="cpu", choices=[("cpu", "CPU"), ("gpu", "GPU")])
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED, db_index=True)

    attempt = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=2)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=120, blank=True)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)

    stage = models.CharField(max_length=80, blank=True)
    done = models.FloatField(default=0)
    total = models.FloatField(default=0)
    note = models.CharField(max_length=200, blank=True)
    rate = models.FloatField(null=True, blank=True)
    eta_s = models.FloatField(null=True, blank=True)
    stages = models.JSONField(default=list)
    peak_memory_mb = models.FloatField(null=True, blank=True)

    error = models.TextField(blank=True)
    result_url = models.CharField(max_length=300, blank=True)

    objects: ClassVar = JobQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["state", "lease_until"]),
            models.Index(fields=["team", "-created_at"]),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("jobs:detail", args=[self.pk])

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def percent(self) -> int | None:
        """How much of the stage is done; None while nobody can tell."""
        if self.state == State.SUCCEEDED:
            return 100
        return min(100, int(100 * self.done / self.total)) if self.total > 0 else None

    @property
    def seconds(self) -> float | None:
        """How long it runs, or ran."""
        if self.started_at is None:
            return None
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()

    @property
    def can_be_cancelled(self) -> bool:
        return not self.has_ended and not self.cancel_requested

    @property
    def can_be_retried(self) -> bool:
        return self.state in {State.FAILED, State.CANCELLED}


class JobEvent(models.Model):
    """One line of the log of a job."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    level = models.CharField(
        max_length=8,
        default="info",
        choices=[("info", "Info"), ("warning", "Warning"), ("error", "Error")],
    )
    message = models.TextField()

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.message


class Process(models.Model):
    """A worker or the beat, as it last told of itself every few seconds.

    `pool` holds the names under which its processes claim jobs. A row that is not renewed is of
    a process that was killed; one that stops takes its row with it.
    """

    name = models.CharField(max_length=120, primary_key=True)
    kind = models.CharField(max_length=8, choices=[("worker", "Worker"), ("beat", "Beat")])
    queues = models.JSONField(default=list)
    pool = models.JSONField(default=list)
    version = models.CharField(max_length=32, blank=True)
    memory_mb = models.FloatField(default=0)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering: ClassVar = ["kind", "name"]
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return self.name

    @property
    def is_alive(self) -> bool:
        """Whether it was heard of lately enough."""
        return self.seen_at > timezone.now() - patience()

    @property
    def n_places(self) -> int:
        """How many jobs it can run at once: its children, or itself where it has none."""
        return max(1, len(self.pool) - 1)


def patience() -> timedelta:
    """Return for how long a process may be silent before it counts as gone."""
    return timedelta(seconds=max(30.0, 4 * settings.ASSAY_JOB_REAP_S))
