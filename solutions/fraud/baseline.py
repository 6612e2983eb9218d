"""The model to beat: gradient-boosted trees on the same history and the same features."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import xgboost as xgb

from ml_core.errors import ModelError
from ml_core.tracking.run import Run, stop_if_cancelled

if TYPE_CHECKING:
    from pathlib import Path

    from ml_core.typing import Float32Array, FloatArray

ROUNDS = 240
SCOUTS = 60
BINS = 1024  # of a feature; with fewer a limit that matters falls inside a bin
SETTINGS = {
    "objective": "binary:logistic",
    "eval_metric": "aucpr",
    "tree_method": "hist",
    "max_bin": BINS,
    "max_depth": 6,
    "eta": 0.05,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "lambda": 2.0,
}


def fit(
    table: Float32Array,
    label: FloatArray,
    weight: FloatArray,
    *,
    run: Run,
    threads: int,
    rounds: int = ROUNDS,
) -> xgb.Booster:
    """Grow the trees. Shapes: table (n, f), label (n,), weight (n,)."""
    data = xgb.QuantileDMatrix(table, label, weight=weight, nthread=threads, max_bin=BINS)
    # A leaf must rest on more when there is more to rest on.
    leaf = float(np.clip(label.sum() / 500.0, 0.5, 10.0))
    settings = SETTINGS | {"seed": run.seed, "nthread": threads, "min_child_weight": leaf}
    return xgb.train(settings, data, rounds, callbacks=[_Watch(run, rounds)])


class _Watch(xgb.callback.TrainingCallback):
    """Tell the run how far the trees are, and stop when it asks to."""

    def __init__(self, run: Run, rounds: int) -> None:
        self.run, self.rounds = run, rounds

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: object) -> bool:  # noqa: ARG002
        stop_if_cancelled(self.run)
        self.run.progress(epoch + 1, self.rounds, "trees")
        return False


def log_odds(booster: xgb.Booster, table: Float32Array) -> Float32Array:
    """Score rows. Shapes: table (n, f) -> (n,)."""
    scores: Float32Array = booster.inplace_predict(table, predict_type="margin")
    return scores.astype(np.float32)


def edges(booster: xgb.Booster, n_features: int, n_edges: int) -> Float32Array:
    """Find where the trees split each feature, closer together where a split gains more.

    Shapes: -> (n_features, n_edges), rising along the second axis; zeros for an unused feature.
    """
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    trees = model["trees"]
    inner = np.concatenate([np.asarray(tree["left_children"]) >= 0 for tree in trees])
    feature, limit, gain = (
        np.concatenate([np.asarray(tree[name]) for tree in trees])[inner]
        for name in ("split_indices", "split_conditions", "loss_changes")
    )
    out = np.zeros((n_features, n_edges), dtype=np.float32)
    for number in np.unique(feature):
        mine = np.flatnonzero(feature == number)
        mine = mine[np.argsort(limit[mine])]
        share = np.cumsum(gain[mine]) / gain[mine].sum()
        place = np.searchsorted(share, (np.arange(n_edges) + 0.5) / n_edges)
        out[number] = limit[mine[np.minimum(place, len(mine) - 1)]]
    return out


def save(booster: xgb.Booster, path: Path) -> None:
    """Write the trees as JSON."""
    booster.save_model(path)


def load(path: Path) -> xgb.Booster:
    """Read trees from JSON. Raises: ModelError: if the file is damaged."""
    booster = xgb.Booster({"nthread": 1})  # scoring runs several chunks side by side
    try:
        booster.load_model(path)
    except (xgb.core.XGBoostError, ValueError) as error:
        message = (
            f"The baseline must be trees as JSON. Got {path.name!r}, which cannot be read. "
            "Train again, or restore the bundle from a backup."
        )
        raise ModelError(message) from error
    return booster
