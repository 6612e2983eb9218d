"""What learning privately changes for payments, and what it does not cover."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np

from ml_core.train.checkpoint import Checkpoint, load, save

if TYPE_CHECKING:
    from pathlib import Path

    from ml_core.typing import Float32Array

UNIT = "one payment as an example: its row of features, its neighbours and its label"
NOT_COVERED = (
    "what a payment adds to the features and neighbours of later payments of its card and terminal",
    "means, spreads and quantiles of the features, and typical values of genuine payments",
    "payments of the part to choose with: epoch, calibration and threshold are chosen on them",
    "the figures, and the curve of the training, which those see who may see the training",
)
SHIPPED_WHY = (
    "It alone was learnt privately. The boosted trees are measured beside it and are not in the "
    "bundle."
)


def quantiles(table: Float32Array, n_edges: int) -> Float32Array:
    """Cut each feature into parts of about as many rows. Shapes: (n, f) -> (f, n_edges)."""
    shares = np.linspace(0.0, 1.0, n_edges)
    found: Float32Array = np.quantile(table, shares, axis=0).T.astype(np.float32)
    return np.ascontiguousarray(found)


def unknown_coins(kept: Path | None) -> np.random.Generator:
    """Return coins that cannot be worked out from the run.

    An attempt after a crash finds them at `kept`, or its sample would not be that of its
    checkpoint. Raises: ModelError: if that file is damaged.
    """
    if kept is not None and kept.exists():
        return np.random.default_rng(load(kept).facts["coins"])
    coins = secrets.randbits(128)
    if kept is not None:
        save(Checkpoint({}, {"coins": coins}), kept)
    return np.random.default_rng(coins)
