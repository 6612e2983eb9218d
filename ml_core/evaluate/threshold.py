"""Choosing from which score on a person should look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ml_core.typing import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Threshold:
    """Alert at `value` and above: so many alerts, and their cost where costs were given."""

    value: float
    n_alerts: int
    cost: float | None = None


def by_budget(score: ArrayLike, n_alerts: int) -> Threshold:
    """Alert as many rows as people can look at, never more; ties are left out together.

    Shapes: score (n,).
    """
    if n_alerts < 0:
        message = f"A budget of alerts must be 0 or more. Got {n_alerts}. Give a count."
        raise ConfigError(message)
    values, counts = np.unique(np.asarray(score, dtype=np.float64), return_counts=True)
    above = np.cumsum(counts[::-1])
    last = int(np.searchsorted(above, n_alerts, side="right"))
    if last == 0:
        return Threshold(_above(values), 0)
    return Threshold(float(values[-last]), int(above[last - 1]))


def by_cost(label: ArrayLike, score: ArrayLike, *, missed: ArrayLike, alert: float) -> Threshold:
    """Choose the threshold of least cost.

    `missed` is the loss of each positive let through, `alert` the cost of each look of a person,
    in one currency.

    Shapes: label (n,) of 0 and 1, score (n,), missed () or (n,). O(n log n).
    """
    scores = np.asarray(score, dtype=np.float64)
    loss = np.where(np.asarray(label).astype(np.bool_), missed, 0.0)
    order = np.argsort(-scores, kind="stable")
    saved = np.concatenate(([0.0], np.cumsum(loss[order] - alert)))
    cuts = _cuts(scores[order])
    best = int(cuts[np.argmax(saved[cuts])])
    cost = float(loss.sum() - saved[best])
    value = _above(scores) if best == 0 else float(scores[order][best - 1])
    return Threshold(value, best, cost)


def _cuts(descending: FloatArray) -> IntArray:
    # Equal scores cannot be told apart by a threshold, so a cut never falls among them.
    steps = np.flatnonzero(np.diff(descending)) + 1
    return np.unique(np.concatenate(([0], steps, [len(descending)])))


def _above(scores: FloatArray) -> float:
    return float(np.nextafter(scores.max(), np.inf)) if len(scores) else float("inf")
