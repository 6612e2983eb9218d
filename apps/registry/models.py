"""Versions of models, the stage each is in, and what their cards say."""

from __future__ import annotations

import uuid
from typing import ClassVar, Self

from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import TeamOwned, TeamOwnedQuerySet, User


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
    # What was live when it was made: what it was made to follow.
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
