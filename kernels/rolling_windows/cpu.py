"""Rolling windows on the CPU: entities side by side, each swept once for every window."""

from __future__ import annotations

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from kernels._grouping import group
from kernels.rolling_windows import sweep
from kernels.rolling_windows.sweep import COUNT, MAX, MEAN, STD, SUM

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_count_values = njit(cache=True)(sweep.count_values)
_find_bounds = njit(cache=True)(sweep.find_bounds)
_counts = njit(cache=True)(sweep.counts)
_sums = njit(cache=True)(sweep.sums)
_means = njit(cache=True)(sweep.means)
_maxima = njit(cache=True)(sweep.maxima)
_spreads = njit(cache=True)(sweep.spreads)

# Parts for each thread: enough to even out entities of unlike size.
_PARTS = 16


def run(
    entity: IntArray,
    time: IntArray,
    values: FloatArray,
    windows: IntArray,
    delay: int,
    columns: IntArray,
) -> FloatArray:
    """Return statistics (n, windows, columns); see the package for what they mean."""
    groups = group(entity, time)
    n_parts = _PARTS * get_num_threads()
    shares = np.arange(n_parts + 1) * len(entity) // n_parts
    parts = np.searchsorted(groups.starts, shares)
    parts[-1] = len(groups.starts) - 1
    out = np.empty((len(entity), len(windows), int((columns >= 0).sum())), np.float64)
    _sweep_all(
        groups.order, groups.starts, groups.time, values, windows, delay, columns, parts, out
    )
    return out


@njit(cache=True, parallel=True)
def _sweep_all(  # noqa: PLR0917
    order: IntArray,
    starts: IntArray,
    time: IntArray,
    values: FloatArray,
    windows: IntArray,
    delay: int,
    columns: IntArray,
    parts: IntArray,
    out: FloatArray,
) -> None:
    for part in prange(len(parts) - 1):
        longest = 0
        for code in range(parts[part], parts[part + 1]):
            longest = max(longest, starts[code + 1] - starts[code])
        own = np.empty(longest, np.float64)
        found = np.empty(longest, np.float64)
        front = np.empty((2, longest), np.float64)
        bounds = np.empty((2, longest), np.int64)
        seen = np.empty(longest + 1, np.int64)
        for code in range(parts[part], parts[part + 1]):
            start, stop = starts[code], starts[code + 1]
            rows = order[start:stop]
            own_values, own_found = own[: stop - start], found[: stop - start]
            for j in range(stop - start):
                own_values[j] = values[rows[j]]
            _count_values(own_values, seen)
            for w in range(len(windows)):
                _find_bounds(time[start:stop], windows[w], delay, bounds)
                _sweep_one(own_values, seen, bounds, front, own_found, rows, columns, out[:, w])


@njit(cache=True)
def _sweep_one(  # noqa: PLR0917
    values: FloatArray,
    seen: IntArray,
    bounds: IntArray,
    front: FloatArray,
    found: FloatArray,
    rows: IntArray,
    columns: IntArray,
    out: FloatArray,
) -> None:
    if columns[COUNT] >= 0:
        _counts(seen, bounds, found)
        _place(found, rows, out, columns[COUNT])
    if columns[SUM] >= 0 or columns[MEAN] >= 0:
        _sums(values, bounds, front, found)
    if columns[SUM] >= 0:
        _place(found, rows, out, columns[SUM])
    if columns[MEAN] >= 0:
        _means(seen, bounds, found)
        _place(found, rows, out, columns[MEAN])
    if columns[STD] >= 0:
        _spreads(values, seen, bounds, front, found)
        _place(found, rows, out, columns[STD])
    if columns[MAX] >= 0:
        _maxima(values, bounds, front, found)
        _place(found, rows, out, columns[MAX])


@njit(cache=True)
def _place(found: FloatArray, rows: IntArray, out: FloatArray, column: int) -> None:
    for j in range(len(rows)):
        out[rows[j], column] = found[j]
