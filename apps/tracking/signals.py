"""When MLflow is told of a model: once it is live."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models.signals import post_save
from django.dispatch import receiver

from apps.jobs.services import enqueue
from apps.registry.models import Stage, StageChange


@receiver(post_save, sender=StageChange)
def register_live_model(instance: StageChange, created: bool, **_: Any) -> None:  # noqa: FBT001  Django's name
    """Give the work to a worker: the web process has no MLflow."""
    if not settings.ASSAY_MLFLOW_URI or not created or instance.stage != Stage.LIVE:
        return
    model = instance.model
    enqueue(
        kind="mlflow",
        title=f"Register {model} with MLflow",
        team=model.team,
        user=instance.by,
        params={"model": str(model.pk)},
        solution=model.solution,
    )
