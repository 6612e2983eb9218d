"""Rolling windows in plain NumPy: every row looks at all rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def run(
    entity: IntArray,
    time: IntArray,
    values: FloatArray,
    windows: IntArray,
    delay: int,
    columns: IntArray,
) -> FloatArray:
    """Return statistics (n, windows, columns) by definition, in O(n * n)."""
    out = np.empty((len(entity), len(windows), int((columns >= 0).sum())), np.float64)
    for row in range(len(entity)):
        newest = time[row] - delay
        past = (entity == entity[row]) & (time <= newest) & ~np.isnan(values)
        for w, window in enumerate(windows):
            inside = values[past & (time > newest - window)]
            for kind, column in enumerate(columns):
                if column >= 0:
                    out[row, w, column] = _STATISTICS[kind](inside)
    return out


def _mean(inside: FloatArray) -> float:
    return math.fsum(inside) / len(inside) if len(inside) else math.nan


def _std(inside: FloatArray) -> float:
    squares = (inside - _mean(inside)) ** 2
    return math.sqrt(math.fsum(squares) / len(inside)) if len(inside) else math.nan


def _max(inside: FloatArray) -> float:
    return float(inside.max()) if len(inside) else math.nan


_STATISTICS = (len, math.fsum, _mean, _std, _max)
