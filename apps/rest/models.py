"""Answers that are kept for a while, for callers who send a request twice."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models


class KeptAnswer(models.Model):
    """A request that was sent under an `Idempotency-Key`, and its answer once there is one.

    Without a `status` it is in flight, held by whoever has its `ticket`, until `held_until`.
    """

    name = models.CharField(max_length=64, primary_key=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    request = models.CharField(max_length=64)
    ticket = models.UUIDField(default=uuid.uuid4)
    held_until = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering: ClassVar = ["expires_at"]

    def __str__(self) -> str:
        return f"{self.name[:12]} ({self.status or 'in flight'})"
