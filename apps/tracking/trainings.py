"""A training as MLflow is told of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from ml_core.tracking.mlflow import MLflowRun, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.experiments.models import TrainingRun
    from ml_core.tracking.run import Run


@contextmanager
def mirrored(training: TrainingRun, run: Run) -> Iterator[Run]:
    """Return a run that tells MLflow as well, if the installation has one, else the run itself.

    The figures of the test part are told at the end, under `test/`.
    """
    if not settings.ASSAY_MLFLOW_URI:
        yield run
        return
    with MLflowRun(run, _target(training)) as told:
        yield told
        for name, value in training.metrics.items():
            if isinstance(value, int | float):
                told.metric(f"test/{name}", value)


def _target(training: TrainingRun) -> Target:
    version = training.dataset_version
    return Target(
        uri=settings.ASSAY_MLFLOW_URI,
        experiment=f"{settings.ASSAY_MLFLOW_EXPERIMENT}-{training.solution}",
        name=f"{training.solution} {training.short_id}",
        params={**training.options, "seed": training.seed, **training.window},
        tags={
            "assay.run": str(training.pk),
            "assay.solution": training.solution,
            "assay.team": training.team.slug,
            "assay.code_version": training.code_version,
            "assay.data_version": f"{version.dataset_id} v{version.number}",
            "assay.data_sha256": training.data_sha256,
        },
    )
