"""Temporal neighbours on CUDA: one thread for each query."""

from __future__ import annotations

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from kernels._grouping import group
from kernels.temporal_neighbors import cpu

IntArray = NDArray[np.int64]

_first_unknown = cuda.jit(device=True)(cpu.first_unknown.py_func)

_THREADS = 128


def run(
    entity: IntArray,
    time: IntArray,
    query_entity: IntArray,
    query_time: IntArray,
    k: int,
    delay: int,
) -> IntArray:
    """Return rows (m, k), newest first; events are grouped on the CPU before."""
    out = np.empty((len(query_entity), k), np.int64)
    if not len(entity) or not len(query_entity):
        out.fill(-1)
        return out
    groups = group(entity, time)
    found = cuda.device_array(out.shape, np.int64)
    _search[-(-len(out) // _THREADS), _THREADS](
        cuda.to_device(groups.order),
        cuda.to_device(groups.starts),
        cuda.to_device(groups.time),
        cuda.to_device(groups.find(query_entity)),
        cuda.to_device(query_time),
        delay,
        found,
    )
    found.copy_to_host(out)
    return out


@cuda.jit
def _search(
    order: IntArray,
    starts: IntArray,
    time: IntArray,
    codes: IntArray,
    query_time: IntArray,
    delay: int,
    out: IntArray,
) -> None:
    query = cuda.grid(1)
    if query >= len(codes):
        return
    start = stop = 0
    if codes[query] >= 0:
        start, stop = starts[codes[query]], starts[codes[query] + 1]
        stop = _first_unknown(time, start, stop, query_time[query], delay)
    for place in range(out.shape[1]):
        row = stop - 1 - place
        out[query, place] = order[row] if row >= start else -1
