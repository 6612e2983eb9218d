"""Trainings and the figures they report."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import TeamOwned
from apps.jobs.models import ENDED, State


class TrainingRun(TeamOwned):
    """One training: what went in, who asked, and what came out."""

    solution = models.CharField(max_length=32, db_index=True)
    dataset_version = models.ForeignKey(
        "datasets.DatasetVersion", on_delete=models.PROTECT, related_name="runs"
    )
    options = models.JSONField(default=dict)
    seed = models.PositiveBigIntegerField(default=0)
    # Which part of the version: {} is all of it, else {"days": 30} or {"rows": 10000}.
    window = models.JSONField(default=dict, blank=True)
    budget_s = models.FloatField(null=True, blank=True)
    code_version = models.CharField(max_length=80, blank=True)
    data_sha256 = models.CharField(max_length=64, blank=True)
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, related_name="training_runs"
    )
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED, db_index=True)
    metrics = models.JSONField(default=dict)
    how_split = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Two clicks on one form, or a request sent again, carry the same token: one training.
    token = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "token"], name="one_run_per_token")
        ]

    def __str__(self) -> str:
        return f"Training {self.short_id} of {self.solution}"

    def get_absolute_url(self) -> str:
        return reverse("experiments:run", args=[self.pk])

    @property
    def short_id(self) -> str:
        return str(self.pk)[:8]

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def seconds(self) -> float | None:
        """How long it runs, or ran."""
        if self.started_at is None:
            return None
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()


class Metric(models.Model):
    """One figure of a training, at a step when it belongs to a curve."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="points")
    name = models.CharField(max_length=80)
    step = models.IntegerField(null=True, blank=True)
    value = models.FloatField(null=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["run", "name", "step"])]

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"
