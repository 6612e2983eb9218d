"""How sure a figure is: bootstrap intervals that keep what belongs together together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_core.errors import DataError
from ml_core.seed import generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from ml_core.typing import IntArray


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the bounds between which it lies at the chosen level."""

    value: float
    low: float
    high: float


def bootstrap(
    figure: Callable[[IntArray], float],
    groups: ArrayLike,
    *,
    n_draws: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Draw whole groups with replacement, and measure `figure(rows)` on each draw.

    Rows of one card are alike, so drawing single rows would promise too narrow a band. A draw
    that cannot be measured (a class is missing) is left out.

    Shapes: groups (n,); `figure` takes row numbers (m,), some of them repeated.
    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), percentile interval.
    """
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    starts = np.cumsum(counts) - counts
    draw = generator(seed, "bootstrap")
    figures = []
    for _ in range(n_draws):
        picked = draw.integers(len(counts), size=len(counts))
        figures.append(_measured(figure, order[_ranges(starts[picked], counts[picked])]))
    tail = (1 - level) / 2
    low, high = np.nanquantile(figures, [tail, 1 - tail])
    return Interval(figure(np.arange(len(codes))), float(low), float(high))


def _measured(figure: Callable[[IntArray], float], rows: IntArray) -> float:
    try:
        return figure(rows)
    except DataError:
        return float("nan")


def _ranges(starts: IntArray, counts: IntArray) -> IntArray:
    """Return start, start + 1, ... of each range, one range after the other."""
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return np.arange(counts.sum()) - before + np.repeat(starts, counts)
