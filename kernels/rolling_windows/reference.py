"""Rolling windows in plain NumPy: every row looks at all rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    kinds = [int(kind) for kind in np.argsort(columns, kind="stable") if columns[kind] >= 0]
    for row in range(len(entity)):
        newest = time[row] - delay
        past = (entity == entity[row]) & (time <= newest)
        for w, window in enumerate(windows):
            inside = values[past & (time > newest - window)]
            out[row, w] = describe(inside.tolist(), kinds)
    return out


def describe(values: Sequence[float], kinds: Sequence[int]) -> list[float]:
    """Return statistics of the values that are not NaN, each rounded once from its exact sum.

    So nothing depends on the order of the values, or on what was in an earlier window.
    """
    inside = [value for value in values if value == value]  # noqa: PLR0124  only NaN differs
    return [_STATISTICS[kind](inside) for kind in kinds]


def _count(inside: Sequence[float]) -> float:
    return float(len(inside))


def _mean(inside: Sequence[float]) -> float:
    return math.fsum(inside) / len(inside) if inside else math.nan


def _std(inside: Sequence[float]) -> float:
    if not inside:
        return math.nan
    mean = _mean(inside)
    squares = ((value - mean) * (value - mean) for value in inside)
    return math.sqrt(math.fsum(squares) / len(inside))


def _max(inside: Sequence[float]) -> float:
    return max(inside, default=math.nan)


_STATISTICS = (_count, math.fsum, _mean, _std, _max)
