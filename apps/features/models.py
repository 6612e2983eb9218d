"""Feature views kept for datasets, and each run that brought one up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import TeamOwned, TeamOwnedQuerySet
from apps.datasets.models import DatasetVersion
from apps.jobs.models import ENDED, State

if TYPE_CHECKING:
    import uuid
    from datetime import datetime


class Mode(models.TextChoices):
    INCREMENTAL = "incremental", "What changed"
    FULL = "full", "All of it anew"
    BACKFILL = "backfill", "A range of days anew"


class FeatureViewQuerySet(TeamOwnedQuerySet):
    def light(self) -> Self:
        """Leave out what only the page of one view needs."""
        return self.defer("days", "definition")

    def with_newest(self) -> Self:
        """Add which version of the dataset is the newest that can be read, in the same query."""
        newest = DatasetVersion.objects.filter(
            dataset=models.OuterRef("dataset"), state="ready"
        ).order_by("-number")
        return self.annotate(
            newest_id=models.Subquery(newest.values("pk")[:1]),
            newest_number=models.Subquery(newest.values("number")[:1]),
            newest_time=models.Subquery(newest.values("time_max")[:1]),
        )


class FeatureView(TeamOwned):
    """A view of a solution, kept for one dataset.

    `version` is the one that all days are of, None where some are not. `days` names the encrypted
    Parquet of each day: {"2026-05-01": {"blob", "inputs", "n_rows", "by"}}, `by` being the run
    that made it. `online_space` is where the online store has the recent rows, under names made
    with the key `online_key`. `revision` grows with each change.
    """

    # As `with_newest` reads them.
    newest_id: uuid.UUID | None
    newest_number: int | None
    newest_time: datetime | None

    solution = models.CharField(max_length=32, db_index=True)
    name = models.CharField(max_length=48)
    dataset = models.ForeignKey(
        "datasets.Dataset", on_delete=models.CASCADE, related_name="feature_views"
    )
    version = models.ForeignKey(
        "datasets.DatasetVersion", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    definition = models.JSONField(default=dict)
    view_hash = models.CharField(max_length=64, blank=True)
    days = models.JSONField(default=dict)
    n_days = models.PositiveIntegerField(default=0)
    n_rows = models.PositiveBigIntegerField(default=0)
    n_entities = models.PositiveBigIntegerField(default=0)
    newest_event = models.DateTimeField(null=True, blank=True)
    materialised_at = models.DateTimeField(null=True, blank=True)
    online_space = models.CharField(max_length=64, blank=True)
    online_key = models.CharField(max_length=16, blank=True)
    revision = models.PositiveIntegerField(default=0)

    objects: ClassVar = FeatureViewQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["solution", "name", "created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dataset", "name"], name="one_view_per_dataset")
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.dataset.name}"

    def get_absolute_url(self) -> str:
        return reverse("features:view", args=[self.pk])

    @property
    def is_materialised(self) -> bool:
        """Whether there is anything to join or look up."""
        return self.materialised_at is not None

    @property
    def blobs(self) -> list[str]:
        """Names of the files of all days."""
        return [str(day["blob"]) for day in self.days.values()]

    @property
    def version_ids(self) -> set[str]:
        """Versions that rows of it came from: those of the days, and of the online store."""
        runs = self.materializations.filter(state=State.SUCCEEDED)
        last = runs.first()  # it filled the online store
        made_days = runs.filter(pk__in={str(day["by"]) for day in self.days.values()})
        sources = [last.sources if last else [], *made_days.values_list("sources", flat=True)]
        return {str(source["version"]) for of in sources for source in of}


class Materialization(TeamOwned):
    """One run over a view: what went in, what came out, by which code."""

    view = models.ForeignKey(FeatureView, on_delete=models.CASCADE, related_name="materializations")
    version = models.ForeignKey(
        "datasets.DatasetVersion", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    mode = models.CharField(max_length=12, choices=Mode)
    start = models.DateField(null=True, blank=True)
    end = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED, db_index=True)
    # Which versions the rows came from: [{"version", "number", "sha256", "n_rows"}].
    sources = models.JSONField(default=list)
    view_hash = models.CharField(max_length=64)
    data_sha256 = models.CharField(max_length=64)
    code_version = models.CharField(max_length=80, blank=True)
    n_rows = models.PositiveBigIntegerField(default=0)
    n_days = models.PositiveIntegerField(default=0)
    n_kept = models.PositiveIntegerField(default=0)
    n_dropped = models.PositiveIntegerField(default=0)
    newest_event = models.DateTimeField(null=True, blank=True)
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Two clicks on one form, or a request sent again, carry the same token: one run.
    token = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "token"], name="one_materialization_per_token"),
            models.UniqueConstraint(
                fields=["view"],
                condition=models.Q(state__in=["queued", "running"]),
                name="one_open_materialization_per_view",
            ),
        ]

    def __str__(self) -> str:
        return f"Materialization {str(self.pk)[:8]} of {self.view.name}"

    def get_absolute_url(self) -> str:
        return f"{self.view.get_absolute_url()}#run-{self.pk}"

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def seconds(self) -> float | None:
        """How long it runs, or ran."""
        if self.started_at is None:
            return None
        end: datetime = self.finished_at or timezone.now()
        return (end - self.started_at).total_seconds()
