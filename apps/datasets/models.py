"""Tables that people brought: the thing itself, and each state of it."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import TeamOwned, TeamOwnedQuerySet, User


class VersionState(models.TextChoices):
    UPLOADED = "uploaded", "Uploaded"
    MAPPING = "mapping", "Needs mapping"
    CHECKING = "checking", "Checking"
    READY = "ready", "Ready"
    REJECTED = "rejected", "Rejected"
    FAILED = "failed", "Failed"


class Origin(models.TextChoices):
    UPLOAD = "upload", "Uploaded"
    CORRECTIONS = "corrections", "Corrected boxes"
    QUARANTINE = "quarantine", "Bad rows put aside"
    DVC = "dvc", "Imported from DVC"


FORMATS = [("csv", "CSV"), ("parquet", "Parquet"), ("pictures", "Pictures")]


class DatasetQuerySet(TeamOwnedQuerySet):
    def with_newest(self) -> Self:
        """Add what a list shows of the newest version, in the same query."""
        newest = DatasetVersion.objects.filter(dataset=models.OuterRef("pk")).order_by("-number")
        return self.annotate(
            newest_number=models.Subquery(newest.values("number")[:1]),
            newest_state=models.Subquery(newest.values("state")[:1]),
            newest_rows=models.Subquery(newest.values("n_rows")[:1]),
            newest_size=models.Subquery(newest.values("size_bytes")[:1]),
            newest_at=models.Subquery(newest.values("created_at")[:1]),
        )


class Dataset(TeamOwned):
    """A table for one solution, with its versions."""

    name = models.CharField(max_length=120)
    solution = models.CharField(max_length=32, db_index=True)

    objects: ClassVar = DatasetQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [models.Index(fields=["team", "-created_at"])]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("datasets:detail", args=[self.pk])


class DatasetVersionQuerySet(TeamOwnedQuerySet):
    def ready(self) -> Self:
        """Keep versions that can be trained on and scored."""
        return self.filter(state=VersionState.READY)

    def light(self) -> Self:
        """Leave out what only the page of one version needs."""
        return self.defer("columns", "report", "issues")


class DatasetVersion(TeamOwned):
    """One file as it came, what its columns mean, and the checked table made of it.

    `source_blob` is the file, `prepared_blob` the Parquet with the schema's names and `row`.
    `columns` tells names and types only: values stay in the encrypted file.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(
        max_length=12, choices=VersionState, default=VersionState.UPLOADED, db_index=True
    )
    filename = models.CharField(max_length=255)
    format = models.CharField(max_length=8, choices=FORMATS)
    size_bytes = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64)
    source_blob = models.CharField(max_length=200)
    columns = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    prepared_blob = models.CharField(max_length=200, blank=True)
    n_rows = models.PositiveBigIntegerField(null=True, blank=True)
    report = models.JSONField(default=dict)
    issues = models.JSONField(default=list)
    issues_blob = models.CharField(max_length=200, blank=True)
    n_issues = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True)
    origin = models.CharField(max_length=12, choices=Origin, default=Origin.UPLOAD)
    # Of what the checked rows say, in whatever file; `sha256` is that of the file.
    content_sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    # Rows that were put aside, and the file that holds them with their reasons.
    n_aside = models.PositiveBigIntegerField(default=0)
    aside_blob = models.CharField(max_length=200, blank=True)
    # The version that this one was made of; both share the file.
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="frozen"
    )
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    time_min = models.DateTimeField(null=True, blank=True)
    time_max = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = DatasetVersionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dataset", "number"], name="one_version_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name} v{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("datasets:version", args=[self.pk])

    @property
    def is_ready(self) -> bool:
        return self.state == VersionState.READY

    @property
    def has_pictures(self) -> bool:
        """Whether the file is an archive, whose rows speak of pictures in it."""
        return self.format == "pictures"

    @property
    def can_be_mapped(self) -> bool:
        """Whether columns may be chosen: until the table is ready, and not while it is checked."""
        return not self.has_pictures and self.state not in {
            VersionState.READY,
            VersionState.CHECKING,
        }

    @property
    def has_own_file(self) -> bool:
        """Whether the file is what the table was made of, row by row."""
        return self.origin in {Origin.UPLOAD, Origin.DVC}

    @property
    def ignored(self) -> list[str]:
        """Columns of the file that mean nothing to the solution."""
        used = set(self.mapping.values())
        return [column["name"] for column in self.columns if column["name"] not in used]


class PictureLabel(models.Model):
    """What people drew on one picture, beside the frozen table of its version.

    Boxes are as `ml_core.data.labels.box` writes them; with none, somebody has looked and there is
    nothing. `revision` counts how often they were saved.
    """

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="labels")
    row = models.PositiveBigIntegerField()
    boxes = models.JSONField(default=list)
    revision = models.PositiveIntegerField(default=1)
    changed_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "row"], name="one_label_per_picture")
        ]

    def __str__(self) -> str:
        return f"Boxes of picture {self.row}"


class WorkState(models.TextChoices):
    RUNNING = "running", "Running"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class Inspection(TeamOwned):
    """A look for what the rows of a version may hide, beside a reference or alone."""

    version = models.ForeignKey(
        DatasetVersion, on_delete=models.CASCADE, related_name="inspections"
    )
    reference = models.ForeignKey(
        DatasetVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    rules = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=WorkState, default=WorkState.RUNNING)
    error = models.TextField(blank=True)
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = TeamOwnedQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"Inspection of {self.version}"

    def get_absolute_url(self) -> str:
        return reverse("datasets:findings", args=[self.version_id])


class Finding(models.Model):
    """One thing that an inspection found, as `ml_core.data.inspection` tells it."""

    id = models.BigAutoField(primary_key=True)
    inspection = models.ForeignKey(Inspection, on_delete=models.CASCADE, related_name="findings")
    number = models.PositiveIntegerField()
    check_name = models.CharField(max_length=40)
    severity = models.CharField(max_length=8, db_index=True)
    column = models.CharField(max_length=200, blank=True)
    message = models.TextField()
    advice = models.TextField()
    n_rows = models.PositiveBigIntegerField(default=0)
    rows = models.JSONField(default=list)
    figures = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inspection", "number"], name="one_finding_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.severity}: {self.check_name} {self.column}".strip()


class Comparison(TeamOwned):
    """What differs between two versions; neither changes, so it is made once."""

    old = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="+")
    new = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="comparisons")
    state = models.CharField(max_length=8, choices=WorkState, default=WorkState.RUNNING)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects: ClassVar = TeamOwnedQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["old", "new"], name="one_comparison_per_pair")
        ]

    def __str__(self) -> str:
        return f"{self.new} against {self.old}"

    def get_absolute_url(self) -> str:
        return reverse("datasets:compare", args=[self.new_id, self.old_id])
