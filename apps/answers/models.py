"""Answers that were given, with what was asked, so that each can be shown and corrected."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings as installation
from django.db import models
from django.urls import reverse

from apps.accounts.models import TeamOwned, TeamOwnedQuerySet

if TYPE_CHECKING:
    from datetime import datetime


class AnswerQuerySet(TeamOwnedQuerySet):
    def labelled(self, since: datetime | None = None) -> Self:
        """Keep answers that a person has given a label, after a moment if one is told."""
        found = self.filter(label__isnull=False)
        return found if since is None else found.filter(corrected_at__gt=since)


class Answer(TeamOwned):
    """One row that a model was asked about, as it was asked, and what it said.

    `files` maps an input column to the encrypted file that was sent for it. Answers of one
    thread speak of the same files. `subject` names the thing that was asked about, such as the
    serial of a part. `correction` is what a person says the answer should be (the same again, if
    it was right) and `reason` why; `label` is that as a value of the label's column, None where
    it cannot be one.
    """

    solution = models.CharField(max_length=32, db_index=True)
    model = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.PROTECT, related_name="answers"
    )
    thread = models.UUIDField(default=uuid.uuid4, db_index=True)
    subject = models.CharField(max_length=200, blank=True, db_index=True)
    inputs = models.JSONField(default=dict)
    files = models.JSONField(default=dict)
    settings = models.JSONField(default=dict)
    output = models.JSONField(default=dict)
    report = models.JSONField(default=list)
    seconds = models.FloatField()
    correction = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    label = models.TextField(null=True, blank=True)  # noqa: DJ001  "" and None differ for boxes
    corrected_by = models.ForeignKey(
        installation.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    corrected_at = models.DateTimeField(null=True, blank=True)
    token = models.CharField(max_length=64)

    objects: ClassVar = AnswerQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["team", "solution", "-created_at"]),
            models.Index(fields=["team", "solution", "corrected_at"]),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "token"], name="one_answer_per_token")
        ]

    def __str__(self) -> str:
        return f"Answer {str(self.pk)[:8]} of {self.solution}"

    def get_absolute_url(self) -> str:
        return reverse("answers:detail", args=[self.pk])

    @property
    def shown_report(self) -> list[Any]:
        """The reasons, with the address of each picture that was sent."""
        places = {file["name"]: column for column, file in self.files.items()}
        return [self._with_address(block, places) for block in self.report]

    def _with_address(self, block: dict[str, Any], places: dict[str, str]) -> dict[str, Any]:
        column = places.get(str(block.get("picture", "")))
        if column is None:
            return block
        return {**block, "url": reverse("answers:file", args=[self.pk, column])}
