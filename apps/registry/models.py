"""Versions of models, the stage each is in, and what their cards say."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import TeamOwned, TeamOwnedQuerySet, User
from apps.jobs.models import ENDED, State

if TYPE_CHECKING:
    from apps.experiments.models import TrainingRun


class Stage(models.TextChoices):
    CANDIDATE = "candidate", "Candidate"
    SHADOW = "shadow", "Shadow"
    LIVE = "live", "Live"
    RETIRED = "retired", "Retired"


class ModelVersionQuerySet(TeamOwnedQuerySet):
    def usable(self) -> Self:
        """Order by what one would score with: the live one, then the newest candidates."""
        rank = models.Case(
            models.When(stage=Stage.LIVE, then=0),
            models.When(stage=Stage.CANDIDATE, then=1),
            models.When(stage=Stage.SHADOW, then=2),
            default=3,
            output_field=models.IntegerField(),
        )
        return self.order_by(rank, "-number")


class ModelVersion(TeamOwned):
    """A trained model: files kept encrypted, a signed manifest, a card, a stage."""

    solution = models.CharField(max_length=32, db_index=True)
    number = models.PositiveIntegerField()
    run = models.OneToOneField(
        "experiments.TrainingRun", on_delete=models.PROTECT, null=True, related_name="model"
    )
    # What was live when it was trained; without a training, what it was made from.
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children"
    )
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.CANDIDATE, db_index=True)
    metrics = models.JSONField(default=dict)
    card = models.JSONField(default=dict)
    manifest = models.JSONField(default=dict)
    signature = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField(default=0)
    promoted_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    promoted_at = models.DateTimeField(null=True, blank=True)
    promoted_why = models.TextField(blank=True)

    objects = ModelVersionQuerySet.as_manager()  # type: ignore[misc]  # django-stubs: a class variable

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["team", "solution", "number"], name="one_number_per_model"
            ),
            models.UniqueConstraint(
                fields=["team", "solution"],
                condition=models.Q(stage="live"),
                name="one_live_model_per_solution",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.solution} model {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("registry:model", args=[self.pk])

    @property
    def learned_in(self) -> TrainingRun | None:
        """The training that it comes from: its own, or that of the model it was made from."""
        if self.run is not None or self.parent is None:
            return self.run
        return self.parent.run


class Move(models.TextChoices):
    REGISTERED = "registered", "Registered"
    PROMOTED = "promoted", "Made live"
    ROLLED_BACK = "rolled_back", "Rolled back to"
    REPLACED = "replaced", "Replaced"
    RETIRED = "retired", "Retired"
    RESTORED = "restored", "Brought back"


class StageChange(models.Model):
    """One step of a model from stage to stage: who, when, why, and what it took the place of."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="changes")
    move = models.CharField(max_length=12, choices=Move)
    stage = models.CharField(max_length=10, choices=Stage)  # the one it came to
    other = models.ForeignKey(
        ModelVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["at"]

    def __str__(self) -> str:
        return f"{self.model_id} {self.move}"


class Compression(TeamOwned):
    """One try at making a model smaller: what was asked, all forms, and what came of it."""

    model = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="compressions")
    options = models.JSONField(default=dict)
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, related_name="compressions"
    )
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED, db_index=True)
    # The forms as `ml_core.compress.gate.Variant`, the original first; kept if none passed, too.
    variants = models.JSONField(default=list)
    chosen = models.CharField(max_length=40, blank=True)
    result = models.OneToOneField(
        ModelVersion, on_delete=models.SET_NULL, null=True, related_name="made_by"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Two clicks on one form, or a request sent again, carry the same token.
    token = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "token"], name="one_compression_per_token")
        ]

    def __str__(self) -> str:
        return f"Compression of {self.model}"

    def get_absolute_url(self) -> str:
        return reverse("registry:compression", args=[self.pk])

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED
