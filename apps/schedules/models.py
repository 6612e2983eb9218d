"""Policies of retraining, and each run that one has made or decided against."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import TeamOwned


class Trigger(models.TextChoices):
    CLOCK = "clock", "By the clock"
    LABELS = "labels", "By new labels"


class Outcome(models.TextChoices):
    CANDIDATE = "candidate", "Keep it as a candidate; a person decides"
    LIVE = "live", "Make it live if it passes the gate"


class RunState(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    NOTHING = "nothing", "Did nothing"
    REFUSED = "refused", "Refused"
    CANDIDATE = "candidate", "Candidate"
    LIVE = "live", "Live"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN = frozenset({RunState.QUEUED, RunState.RUNNING})
DONE = frozenset({RunState.NOTHING, RunState.REFUSED, RunState.CANDIDATE, RunState.LIVE})
GIVEN_UP = frozenset({RunState.FAILED, RunState.CANCELLED})


class Policy(TeamOwned):
    """When to train again, on what, within what, and what a challenger must show.

    It acts in the name of who changed it last. `next_at` is when the clock says so next;
    `base_version` and `base_at` are from where new labels are counted.
    """

    name = models.CharField(max_length=120)
    solution = models.CharField(max_length=32, db_index=True)
    dataset = models.ForeignKey("datasets.Dataset", on_delete=models.PROTECT, related_name="+")
    trigger = models.CharField(max_length=8, choices=Trigger)
    cron = models.CharField(max_length=120, blank=True)
    zone = models.CharField(max_length=64, default="UTC")
    n_labels = models.PositiveIntegerField(default=0)
    window = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True)
    seed = models.PositiveBigIntegerField(default=0)
    budget_min = models.PositiveIntegerField(default=60)
    metric = models.CharField(max_length=80)
    min_gain = models.FloatField(default=0.0)
    must_be_sure = models.BooleanField(default=False)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.CANDIDATE)
    is_paused = models.BooleanField(default=False)
    # A policy that has run stays as the proof of what its runs were for; it does nothing more.
    deleted_at = models.DateTimeField(null=True, blank=True)

    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(default=timezone.now)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)

    next_at = models.DateTimeField(null=True, blank=True, db_index=True)
    base_version = models.ForeignKey(
        "datasets.DatasetVersion",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    base_at = models.DateTimeField(default=timezone.now)
    n_new_labels = models.PositiveBigIntegerField(null=True, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    # Which two versions were compared for it, so that unchanged files are read once.
    counted = models.JSONField(default=dict, blank=True)
    # Two clicks on one form, or a request sent again, carry the same token: one policy.
    token = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["name", "created_at"]
        verbose_name_plural = "policies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "token"], name="one_policy_per_token")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("schedules:policy", args=[self.pk])

    @property
    def state(self) -> str:
        if self.deleted_at:
            return "deleted"
        return "paused" if self.is_paused else "active"

    @property
    def needs_approval(self) -> bool:
        """Whether it would make models live, and nobody has approved that."""
        wants_live = self.outcome == Outcome.LIVE and self.approved_at is None
        return wants_live and self.deleted_at is None


class ScheduleRun(TeamOwned):
    """One time that a policy came due or was told to run, and what became of it.

    `key` is unique within the policy: the scheduled time, for one. However often a time is
    noticed, it makes one run.
    """

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="runs")
    key = models.CharField(max_length=120)
    why = models.CharField(max_length=200)
    scheduled_at = models.DateTimeField()
    state = models.CharField(
        max_length=10, choices=RunState, default=RunState.QUEUED, db_index=True
    )
    reason = models.TextField(blank=True)
    gate = models.JSONField(default=dict, blank=True)
    recipe = models.JSONField(default=dict, blank=True)
    version = models.ForeignKey(
        "datasets.DatasetVersion", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    training = models.ForeignKey(
        "experiments.TrainingRun", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    model = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [models.Index(fields=["policy", "-created_at"])]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy", "key"], name="one_run_per_scheduled_time")
        ]

    def __str__(self) -> str:
        return f"Run {str(self.pk)[:8]} of {self.policy.name}"

    def get_absolute_url(self) -> str:
        return f"{reverse('schedules:policy', args=[self.policy_id])}#run-{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


def new_token() -> str:
    """Return a token that nobody else has."""
    return uuid.uuid4().hex


def told(policy: Policy) -> dict[str, Any]:
    """Return what of a policy a person may set, as the audit trail keeps it."""
    names = (
        "name", "trigger", "cron", "zone", "n_labels", "window", "options", "seed",
        "budget_min", "metric", "min_gain", "must_be_sure", "outcome",
    )  # fmt: skip
    return {name: getattr(policy, name) for name in names} | {"dataset": str(policy.dataset_id)}
