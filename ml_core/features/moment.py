"""The features of one entity at one moment, from the rows of its window: no compiler is needed.

What the kernel's twins are tested against computes here. Its figures are rounded once from exact
sums, as those of `compute.py` are, so both agree to the last bit.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

from kernels.rolling_windows import window_statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_core.features.view import FeatureView


def describe(values: Sequence[float], statistics: Sequence[str]) -> list[float]:
    """Return statistics of the values of one window; NaN is no value.

    Shapes: values (n,) -> (statistics,). O(n).
    """
    if "min" not in statistics:
        return window_statistics(values, statistics)
    there = [value for value in values if not math.isnan(value)]
    least = min(there, default=math.nan)
    return [least if name == "min" else window_statistics(there, (name,))[0] for name in statistics]


def features_at(
    view: FeatureView, times: Sequence[int], values: Sequence[Sequence[float]], at: int
) -> list[float]:
    """Return the features of an entity at a moment, from its rows in the order of time.

    Shapes: times (n,), values (columns, n) -> (len(view.features),); NaN where a window has no
    value. O(log n + rows in the windows).
    """
    found: list[float] = []
    for one in view.aggregations:
        newest = at - one.delay
        stop = bisect_right(times, newest)
        for window in one.windows:
            start = bisect_right(times, newest - window, hi=stop)
            if one.column is None:
                found.append(float(stop - start))
            else:
                column = values[view.values.index(one.column)]
                found += describe(column[start:stop], one.statistics)
    return found
