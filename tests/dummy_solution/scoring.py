"""Scoring welds, measuring the scores and reporting them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml_core.errors import ModelError
from ml_core.evaluate import metrics
from ml_core.runtime.session import Session
from ml_core.tracking.run import NullRun, Run, stop_if_cancelled
from solutions.api import Device, Options, Predictions, Predictor, TableBatch
from solutions.blocks import Number, Reason, Reasons, Report, Table
from tests.dummy_solution.training import features

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class WeldPredictor:
    """A loaded bundle."""

    def __init__(self, bundle: Path, device: Device) -> None:
        self.session = Session(bundle / "model.onnx", device, threads=1)
        try:
            facts = json.loads((bundle / "preprocess.json").read_text(encoding="utf-8"))
            self.threshold = float(facts["threshold"])
        except (OSError, ValueError, KeyError) as error:
            message = "A bundle must hold its preprocess.json. Got none whole. Train again."
            raise ModelError(message) from error

    def predict(
        self,
        batch: TableBatch,
        run: Run = NullRun(),
        settings: Options | None = None,
    ) -> Predictions:
        """Score the targets."""
        stop_if_cancelled(run)
        score = self.session.run({"table": features(batch)})["score"][:, 0]
        alert = score >= self.threshold
        run.progress(len(batch), len(batch), "welds")
        frame = pl.DataFrame(
            {
                "score": score,
                "label": np.where(alert, "doubtful", "sound"),
                "confidence": np.maximum(score, 1 - score),
                "alert": alert,
            },
            schema=dict(Predictions.CORE),
        )
        return Predictions(frame, {"threshold": self.threshold})


def figures(predictions: Predictions, batch: TableBatch) -> Mapping[str, float]:
    """Measure where the outcome is known; say nothing where it is not."""
    known = batch.targets["failed"].is_not_null().to_numpy()
    label = batch.targets["failed"].to_numpy()[known]
    score = predictions.frame["score"].to_numpy()[known]
    if len(set(label)) < 2:
        return {}
    return {
        "ap": metrics.average_precision(label, score),
        "auc": metrics.roc_auc(label, score),
        "brier": metrics.brier(label, score),
    }


def report(predictions: Predictions, batch: TableBatch) -> Report:
    """Count the alerts and list the ten worst welds."""
    scored = batch.targets.select("weld_id").with_columns(predictions.frame)
    worst = scored.sort("score", descending=True).head(10)
    n_alerts = int(predictions.frame["alert"].sum())
    return Report(
        (
            Number("Doubtful welds", n_alerts, tone="bad" if n_alerts else "good"),
            Table(
                "Worst welds",
                ("Weld", "Score"),
                worst.select("weld_id", "score").rows(),
                ("", ".3f"),
            ),
        )
    )


def explain(
    predictor: Predictor, rows: Sequence[int], batch: TableBatch, run: Run
) -> Mapping[int, Report]:
    """Set each input to its mean in turn, and see what the log-odds lose."""
    if not isinstance(predictor, WeldPredictor):
        raise TypeError(f"The predictor must be one of welds. Got {type(predictor).__name__}.")
    stop_if_cancelled(run)
    table = features(batch)
    return {row: Report((_reasons(predictor, table[row], table.mean(axis=0)),)) for row in rows}


def _reasons(predictor: WeldPredictor, row: np.ndarray, usual: np.ndarray) -> Reasons:
    variants = np.vstack([row, *(np.where(np.arange(3) == i, usual, row) for i in range(3))])
    score = predictor.session.run({"table": variants})["score"][:, 0]
    odds = np.log(score) - np.log1p(-score)
    names = ("current", "force", "wear")
    reasons = [
        Reason(f"The {name} differs from the usual.", float(odds[0] - odds[i + 1]), name)
        for i, name in enumerate(names)
    ]
    return Reasons("Why", sorted(reasons, key=lambda reason: -abs(reason.weight)))
