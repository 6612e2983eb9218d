"""The model to beat: gradient-boosted trees on the same history and the same features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xgboost as xgb

from ml_core.errors import ModelError
from ml_core.tracking.run import Run, stop_if_cancelled
from ml_core.typing import Float32Array, FloatArray

ROUNDS = 220
SETTINGS = {
    "objective": "binary:logistic",
    "eval_metric": "aucpr",
    "tree_method": "hist",
    "max_depth": 6,
    "eta": 0.06,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "lambda": 2.0,
}


def fit(
    table: Float32Array, label: FloatArray, weight: FloatArray, *, run: Run, threads: int
) -> xgb.Booster:
    """Grow the trees. Shapes: table (n, f), label (n,), weight (n,)."""
    data = xgb.QuantileDMatrix(table, label, weight=weight, nthread=threads)
    # A leaf must rest on more when there is more to rest on.
    leaf = float(np.clip(label.sum() / 500.0, 0.5, 10.0))
    settings = SETTINGS | {"seed": run.seed, "nthread": threads, "min_child_weight": leaf}
    return xgb.train(settings, data, ROUNDS, callbacks=[_Watch(run)])


class _Watch(xgb.callback.TrainingCallback):  # type: ignore[misc]  # xgboost carries no types
    """Tell the run how far the trees are, and stop when it asks to."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: object) -> bool:  # noqa: ARG002
        stop_if_cancelled(self.run)
        self.run.progress(epoch + 1, ROUNDS, "trees")
        return False


def log_odds(booster: xgb.Booster, table: Float32Array) -> Float32Array:
    """Score rows. Shapes: table (n, f) -> (n,)."""
    scores: Float32Array = booster.inplace_predict(table, predict_type="margin")
    return scores.astype(np.float32)


def save(booster: xgb.Booster, path: Path) -> None:
    """Write the trees as JSON."""
    booster.save_model(path)


def load(path: Path) -> xgb.Booster:
    """Read trees from JSON. Raises: ModelError: if the file is damaged."""
    booster = xgb.Booster()
    try:
        booster.load_model(path)
    except (xgb.core.XGBoostError, ValueError) as error:
        message = (
            f"The baseline must be trees as JSON. Got {path.name!r}, which cannot be read. "
            "Train again, or restore the bundle from a backup."
        )
        raise ModelError(message) from error
    return booster
