"""What other apps tell by what they store."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from apps.answers.models import Answer
from apps.monitoring.requests import ANSWERS


@receiver(post_save, sender=Answer)
def time_answer(instance: Answer, created: bool, **_: Any) -> None:  # noqa: FBT001  Django's name
    """Count a new answer by how long the model took."""
    if created:
        ANSWERS.labels(instance.solution).observe(instance.seconds)
