"""How good answers are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_core.typing import FloatArray
    from solutions.api import Predictions, TableBatch

BINS = 15


def figures(predictions: Predictions, batch: TableBatch) -> Mapping[str, float]:
    """Return accuracy, its interval, calibration and abstention; nothing without answers.

    Accuracy counts the best guess, also where the model says that it cannot tell.
    """
    known = batch.targets["answer"].is_not_null().to_numpy()
    if not known.any():
        return {}
    truth = batch.targets["answer"].to_numpy()[known]
    guess = predictions.frame["guess"].to_numpy()[known]
    told = predictions.frame["alert"].to_numpy()[known]
    confidence = predictions.frame["confidence"].to_numpy()[known]
    right = (guess == truth).astype(np.float64)
    low, high = wilson(float(right.mean()), len(right))
    answered = ~told
    return {
        "accuracy": float(right.mean()),
        "accuracy_low": low,
        "accuracy_high": high,
        "calibration_error": calibration_error(right, confidence),
        "answered_share": float(answered.mean()),
        "accuracy_when_answered": float(right[answered].mean()) if answered.any() else 0.0,
    }


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share.

    Source: Wilson, "Probable inference" (JASA 22, 1927), equation 1.
    """
    z = 1.959964
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def calibration_error(right: FloatArray, confidence: FloatArray) -> float:
    """Return the expected calibration error over equal bins of confidence.

    Shapes: (n,), (n,) -> number. Source: Guo et al. (ICML 2017), equation 3.
    """
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(which, confidence - right, minlength=BINS)
    return float(np.abs(gap).sum() / len(right))
