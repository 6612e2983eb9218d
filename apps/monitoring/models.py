"""What was measured, when that takes too long to be done for each page."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone


class Kind(models.TextChoices):
    STORAGE = "storage", "Storage"
    SWEEP = "sweep", "Sweep"
    CHAIN = "chain", "Audit chain"
    KEYS = "keys", "Keys"


class Reading(models.Model):
    """Facts of one kind at one time; the newest of a kind is the one that counts."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8, choices=Kind)
    at = models.DateTimeField(default=timezone.now)
    facts = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [models.Index(fields=["kind", "-at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"
