"""Turning scores into probabilities, with maps that are plain numbers in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from ml_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from ml_core.typing import FloatArray


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A rising line through points; flat outside them. Needs many positives."""

    score: tuple[float, ...]
    probability: tuple[float, ...]

    def __call__(self, score: ArrayLike) -> FloatArray:
        """Return probabilities. Shapes: (n,) -> (n,)."""
        return np.interp(np.asarray(score, dtype=np.float64), self.score, self.probability)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a bundle."""
        return {"kind": "isotonic", "score": [*self.score], "probability": [*self.probability]}


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """p = 1 / (1 + exp(-(slope * score + intercept))). Serves with few positives."""

    slope: float
    intercept: float

    def __call__(self, score: ArrayLike) -> FloatArray:
        """Return probabilities. Shapes: (n,) -> (n,)."""
        odds = self.slope * np.asarray(score, dtype=np.float64) + self.intercept
        return 0.5 * (1 + np.tanh(odds / 2))  # the same curve, without overflow

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a bundle."""
        return {"kind": "sigmoid", "slope": self.slope, "intercept": self.intercept}


Calibration = Isotonic | Sigmoid


def fit_isotonic(label: ArrayLike, score: ArrayLike) -> Isotonic:
    """Fit the rising step function of least squares.

    Shapes: label (n,) of 0 and 1, score (n,).
    Source: Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass
    probability estimates" (KDD 2002).
    """
    model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    model.fit(np.asarray(score, dtype=np.float64), np.asarray(label, dtype=np.float64))
    return Isotonic(tuple(model.X_thresholds_.tolist()), tuple(model.y_thresholds_.tolist()))


def fit_sigmoid(label: ArrayLike, score: ArrayLike) -> Sigmoid:
    """Fit a logistic curve to scores on a log-odds scale.

    Shapes: label (n,) of 0 and 1, both present, score (n,).
    Source: Platt, "Probabilistic outputs for support vector machines" (1999), without his
    smoothing of the targets, which a thousand rows make needless.
    """
    scores = np.asarray(score, dtype=np.float64).reshape(-1, 1)
    model = LogisticRegression(C=np.inf).fit(scores, np.asarray(label).astype(np.int64))
    return Sigmoid(float(model.coef_[0, 0]), float(model.intercept_[0]))


def from_json(value: Mapping[str, Any]) -> Calibration:
    """Read what `to_json` wrote. Raises: ModelError: if it is of another kind or form."""
    try:
        if value["kind"] == "sigmoid":
            return Sigmoid(float(value["slope"]), float(value["intercept"]))
        if value["kind"] == "isotonic":
            return Isotonic(tuple(value["score"]), tuple(value["probability"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(_unknown(value)) from error
    raise ModelError(_unknown(value))


def _unknown(value: Mapping[str, Any]) -> str:
    return (
        'A calibration must be "isotonic" or "sigmoid" with its numbers. '
        f"Got {value.get('kind')!r} with {sorted(value)}. Train the model again."
    )
