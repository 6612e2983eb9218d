"""Things that tests of trainings, models and results begin with."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from apps.datasets import storage
from apps.datasets.models import Dataset, DatasetVersion
from apps.experiments.models import TrainingRun
from apps.inference.services import start_scoring
from apps.jobs.models import Job, State
from apps.jobs.progress import JobRun
from apps.registry.services import register

if TYPE_CHECKING:
    from pathlib import Path


def payments(n_rows: int, *, seed: int = 0, day: int = 0, labelled: bool = True) -> pl.DataFrame:
    """Make payments in the order of time, with tied amounts and a formula for a card."""
    rng = np.random.default_rng(seed)
    amount = rng.integers(1, 100, n_rows).astype(float)
    start = datetime(2024, 1, 1) + timedelta(days=day)  # noqa: DTZ001  frames hold UTC without saying so
    cards = [f"c{i}" for i in rng.integers(0, max(2, n_rows // 4), n_rows)]
    cards[0] = "=SUM(A1)"
    bad = pl.Series((amount > 70).astype(np.int8)) if labelled else None
    return pl.DataFrame(
        {
            "row": np.arange(1, n_rows + 1),
            "payment_id": [f"p{seed}-{i:06d}" for i in range(n_rows)],
            "time": [start + timedelta(minutes=i) for i in range(n_rows)],
            "card_id": cards,
            "amount": amount,
            "is_bad": pl.Series([None] * n_rows, dtype=pl.Int8) if bad is None else bad,
        }
    ).with_columns(pl.col("time").cast(pl.Datetime("us")), pl.col("is_bad").cast(pl.Int8))


def ready_version(people, frame: pl.DataFrame | None = None, **fields) -> DatasetVersion:
    """Keep a frame as a dataset version that has passed its checks."""
    frame = payments(60) if frame is None else frame
    owner = fields.pop("owner", people.alice)
    team = fields.pop("team", people.team)
    with storage.write("prepared") as blob:
        frame.write_parquet(blob)
    dataset = Dataset.objects.create(
        name=fields.pop("name", "March"), solution="tiny", team=team, created_by=owner
    )
    given = {
        "number": 1, "state": "ready", "filename": "march.csv", "format": "csv",
        "sha256": blob.sha256, "source_blob": blob.name, "prepared_blob": blob.name,
        "n_rows": frame.height,
    } | fields  # fmt: skip
    return DatasetVersion.objects.create(dataset=dataset, team=team, created_by=owner, **given)


def trained_model(people, tmp_path: Path, version: DatasetVersion | None = None, **fields):
    """Register a model as if a training had made it."""
    version = version or ready_version(people)
    owner = fields.pop("owner", people.alice)
    run = TrainingRun.objects.create(
        team=version.team, created_by=owner, solution="tiny", dataset_version=version,
        options={"steps": 5}, state=State.SUCCEEDED, token=f"made-{TrainingRun.objects.count()}",
        data_sha256=version.sha256, code_version="1.0",
        metrics={"accuracy": 0.9},
    )  # fmt: skip
    bundle = tmp_path / f"bundle-{run.pk}"
    bundle.mkdir()
    (bundle / "model.json").write_text(json.dumps({"mean": fields.pop("mean", 70.0)}), "utf-8")
    card = {"licence": "AGPL-3.0-or-later", "limits": ["Small."], "data_origin": "Generated."}
    (bundle / "card.json").write_text(json.dumps(card | fields.pop("card", {})), "utf-8")
    metrics = {"accuracy": 0.9, "error": 0.1, "baseline_accuracy": 0.8, **fields}
    return register(run, bundle, metrics)


def scored(people, tmp_path: Path, run_jobs, frame: pl.DataFrame | None = None, **choices):
    """Score a frame with a model, and return the result when its job has ended."""
    version = ready_version(people, payments(300, seed=1, day=1) if frame is None else frame)
    model = choices.pop("model", None) or trained_model(people, tmp_path)
    prediction = start_scoring(user=people.alice, version=version, model=model, **choices)
    run_jobs()
    prediction.refresh_from_db()
    return prediction


def job_run(people, kind: str = "train", **params) -> tuple[Job, JobRun]:
    """Make a job that this attempt holds."""
    job = Job.objects.create(
        kind=kind, title="A job", team=people.team, created_by=people.alice, params=params,
        state=State.RUNNING, attempt=1,
    )  # fmt: skip
    return job, JobRun(job)
