"""Temporal neighbours on the CPU: one binary search for each query, queries side by side."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from kernels._grouping import group

IntArray = NDArray[np.int64]


def run(
    entity: IntArray,
    time: IntArray,
    query_entity: IntArray,
    query_time: IntArray,
    k: int,
    delay: int,
) -> IntArray:
    """Return rows (m, k), newest first; see the package for what they mean."""
    groups = group(entity, time)
    codes = groups.find(query_entity)
    out = np.empty((len(query_entity), k), np.int64)
    _search_all(groups.order, groups.starts, groups.time, codes, query_time, delay, out)
    return out


@njit(cache=True, parallel=True)
def _search_all(
    order: IntArray,
    starts: IntArray,
    time: IntArray,
    codes: IntArray,
    query_time: IntArray,
    delay: int,
    out: IntArray,
) -> None:
    for query in prange(len(codes)):
        start = stop = 0
        if codes[query] >= 0:
            start, stop = starts[codes[query]], starts[codes[query] + 1]
            stop = first_unknown(time, start, stop, query_time[query], delay)
        for place in range(out.shape[1]):
            row = stop - 1 - place
            out[query, place] = order[row] if row >= start else -1


@njit(cache=True)
def first_unknown(time: IntArray, start: int, stop: int, moment: int, delay: int) -> int:
    """Return the first of the sorted rows start..stop that is not yet known at a moment."""
    # Without a delay the rows of the moment itself are still unknown: strictly before is at most
    # one earlier, since times are whole numbers.
    newest = moment - max(delay, 1)
    while start < stop:
        middle = (start + stop) // 2
        if time[middle] <= newest:
            start = middle + 1
        else:
            stop = middle
    return start
