"""A model that sees pictures, without a training."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from apps.datasets.models import Dataset, DatasetVersion
from apps.experiments.models import TrainingRun
from apps.jobs.models import State
from apps.registry.services import register

if TYPE_CHECKING:
    from pathlib import Path


def picture_model(people, tmp_path: Path, solution: str = "picture", least: int = 200):
    """Register a model that finds what is at least so bright."""
    common = {"team": people.team, "created_by": people.alice}
    dataset = Dataset.objects.create(name="Parts", solution=solution, **common)
    version = DatasetVersion.objects.create(
        dataset=dataset, number=1, state="ready", filename="parts.zip", format="pictures",
        sha256="0" * 64, source_blob="none", prepared_blob="none", n_rows=1, **common,
    )  # fmt: skip
    run = TrainingRun.objects.create(
        solution=solution, dataset_version=version, options={}, state=State.SUCCEEDED,
        token=f"made-{TrainingRun.objects.count()}", data_sha256="0" * 64, code_version="1.0",
        metrics={"accuracy": 0.9}, **common,
    )  # fmt: skip
    bundle = tmp_path / f"bundle-{run.pk}"
    bundle.mkdir()
    (bundle / "model.json").write_text(json.dumps({"least": least}), "utf-8")
    card = {"licence": "AGPL-3.0-or-later", "limits": ["Small."], "data_origin": "Drawn."}
    (bundle / "card.json").write_text(json.dumps(card), "utf-8")
    return register(run, bundle, {"accuracy": 0.9})
