"""Temporal neighbours in plain NumPy: every query looks at all rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def run(
    entity: IntArray,
    time: IntArray,
    query_entity: IntArray,
    query_time: IntArray,
    k: int,
    delay: int,
) -> IntArray:
    """Return rows (m, k) by definition, in O(m * n log n)."""
    out = np.full((len(query_entity), k), -1, np.int64)
    for query in range(len(query_entity)):
        moment = query_time[query]
        known = time <= moment - delay if delay > 0 else time < moment
        rows = np.flatnonzero(known & (entity == query_entity[query]))
        newest = rows[np.lexsort((rows, time[rows]))][::-1][:k]
        out[query, : len(newest)] = newest
    return out
