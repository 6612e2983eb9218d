"""A model applied to a dataset, and why single rows got their scores."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import TeamOwned
from apps.jobs.models import ENDED, State


class Prediction(TeamOwned):
    """All rows of a dataset version scored by one model; the rows stand in an encrypted file."""

    solution = models.CharField(max_length=32, db_index=True)
    dataset_version = models.ForeignKey(
        "datasets.DatasetVersion", on_delete=models.PROTECT, related_name="predictions"
    )
    model = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.PROTECT, related_name="predictions"
    )
    # Earlier rows that the model may look back on; empty when the file is its own past.
    history_version = models.ForeignKey(
        "datasets.DatasetVersion", on_delete=models.PROTECT, null=True, related_name="+"
    )
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, related_name="predictions"
    )
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED, db_index=True)
    settings = models.JSONField(default=dict)
    report = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    columns = models.JSONField(default=list)
    result_blob = models.CharField(max_length=200, blank=True)
    result_bytes = models.BigIntegerField(default=0)
    n_rows = models.PositiveBigIntegerField(default=0)
    n_alerts = models.PositiveBigIntegerField(default=0)
    n_history = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(null=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    token = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "token"], name="one_prediction_per_token")
        ]

    def __str__(self) -> str:
        return f"Result {str(self.pk)[:8]} of {self.solution}"

    def get_absolute_url(self) -> str:
        return reverse("inference:result", args=[self.pk])

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def is_ready(self) -> bool:
        return self.state == State.SUCCEEDED

    @property
    def rows_per_second(self) -> float | None:
        return self.n_rows / self.seconds if self.seconds else None

    @property
    def was_learned_from(self) -> bool:
        """Tell whether the model has learned from these rows, or from the same uploaded file.

        A version of corrected boxes has another table, and the pictures of the version before.
        """
        run, version = self.model.learned_in, self.dataset_version
        if run is None:
            return False
        same_file = run.dataset_version.source_blob == version.source_blob
        return run.data_sha256 == version.sha256 or (same_file and bool(version.source_blob))

    def column_of(self, **wanted: Any) -> dict[str, Any] | None:
        """Return the first input column with these properties, such as `kind="time"`."""
        matches = (c for c in self.columns if all(c.get(k) == v for k, v in wanted.items()))
        return next(matches, None)


class Explanation(models.Model):
    """Why one row got its score, as it was known when it was asked; a report of blocks."""

    id = models.BigAutoField(primary_key=True)
    prediction = models.ForeignKey(
        Prediction, on_delete=models.CASCADE, related_name="explanations"
    )
    row = models.PositiveBigIntegerField()
    report = models.JSONField(default=list)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["prediction", "row"], name="one_explanation_per_row")
        ]

    def __str__(self) -> str:
        return f"Row {self.row} of {self.prediction_id}"

    @property
    def shown_report(self) -> list[Any]:
        """The reasons, with the address of the row's picture."""
        url = reverse("datasets:picture", args=[self.prediction.dataset_version_id, self.row])
        return [b | {"url": url} if b.get("kind") == "picture" else b for b in self.report]
