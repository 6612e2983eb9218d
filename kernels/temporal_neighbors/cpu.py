"""Temporal neighbours on the CPU: one binary search for each query, queries side by side."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from kernels._grouping import group
from kernels.temporal_neighbors import search

IntArray = NDArray[np.int64]

_first_unknown = njit(cache=True)(search.first_unknown)


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
            stop = _first_unknown(time, start, stop, query_time[query], delay)
        for place in range(out.shape[1]):
            row = stop - 1 - place
            out[query, place] = order[row] if row >= start else -1
