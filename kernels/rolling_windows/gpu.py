"""Rolling windows on CUDA: one thread for each bound, then one for each entity and window."""

from __future__ import annotations

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from kernels._grouping import group
from kernels.rolling_windows import cpu
from kernels.rolling_windows.cpu import COUNT, MAX, MEAN, STD, SUM

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_count_values = cuda.jit(device=True)(cpu.count_values.py_func)
_counts = cuda.jit(device=True)(cpu.counts.py_func)
_sums = cuda.jit(device=True)(cpu.sums.py_func)
_means = cuda.jit(device=True)(cpu.means.py_func)
_maxima = cuda.jit(device=True)(cpu.maxima.py_func)
_spreads = cuda.jit(device=True)(cpu.spreads.py_func)

_THREADS = 128


def run(
    entity: IntArray,
    time: IntArray,
    values: FloatArray,
    windows: IntArray,
    delay: int,
    columns: IntArray,
) -> FloatArray:
    """Return statistics (n, windows, columns); rows are grouped on the CPU before."""
    n, n_windows = len(entity), len(windows)
    out = np.empty((n, n_windows, int((columns >= 0).sum())), np.float64)
    if not n:
        return out
    groups = group(entity, time)
    n_groups = len(groups.starts) - 1
    starts = cuda.to_device(groups.starts)
    bounds = cuda.device_array((n_windows + 1, n), np.int64)
    ages = cuda.to_device(np.concatenate(([delay], windows + delay)))
    owner = cuda.to_device(np.repeat(np.arange(n_groups), np.diff(groups.starts)))
    _find_bounds[_blocks(n), _THREADS](starts, owner, cuda.to_device(groups.time), ages, bounds)
    found = cuda.device_array(out.shape, np.float64)
    _sweep[_blocks(n_groups * n_windows), _THREADS](
        cuda.to_device(groups.order),
        starts,
        cuda.to_device(values[groups.order]),
        bounds,
        cuda.to_device(columns),
        cuda.device_array((n_windows, n + n_groups), np.int64),
        cuda.device_array((n_windows, 4, n), np.float64),
        found,
    )
    found.copy_to_host(out)
    return out


def _blocks(n_threads: int) -> int:
    return -(-n_threads // _THREADS)


@cuda.jit
def _find_bounds(
    starts: IntArray, owner: IntArray, time: IntArray, ages: IntArray, bounds: IntArray
) -> None:
    """Fill bounds[a, i] with the first row of the entity younger than age a, from its start."""
    i = cuda.grid(1)
    if i >= len(time):
        return
    start = starts[owner[i]]
    for age in range(len(ages)):
        oldest = time[i] - ages[age]
        low, high = start, starts[owner[i] + 1]
        while low < high:
            middle = (low + high) // 2
            if time[middle] <= oldest:
                low = middle + 1
            else:
                high = middle
        bounds[age, i] = low - start


@cuda.jit
def _sweep(
    order: IntArray,
    starts: IntArray,
    values: FloatArray,
    bounds: IntArray,
    columns: IntArray,
    seen: IntArray,
    desk: FloatArray,
    out: FloatArray,
) -> None:
    """Sweep one window over one entity; each thread has its own part of `seen` and `desk`."""
    w, code = cuda.grid(1) // (len(starts) - 1), cuda.grid(1) % (len(starts) - 1)
    if w >= out.shape[1]:
        return
    start, stop = starts[code], starts[code + 1]
    own, rows = values[start:stop], order[start:stop]
    # One entry more than rows for each entity, so entity c begins c entries later.
    own_seen = seen[w, start + code : stop + code + 1]
    first, behind = bounds[w + 1, start:stop], bounds[0, start:stop]
    piles, number, found = desk[w, :2, start:stop], desk[w, 2, start:stop], desk[w, 3, start:stop]
    _count_values(own, own_seen)
    _counts(own_seen, first, behind, number)
    _place(number, rows, out, w, columns[COUNT])
    if columns[SUM] >= 0 or columns[MEAN] >= 0:
        _sums(own, first, behind, piles, found)
        _place(found, rows, out, w, columns[SUM])
        _means(number, found)
        _place(found, rows, out, w, columns[MEAN])
    if columns[STD] >= 0:
        _spreads(own, own_seen, first, behind, piles, found)
        _place(found, rows, out, w, columns[STD])
    if columns[MAX] >= 0:
        _maxima(own, first, behind, piles, found)
        _place(found, rows, out, w, columns[MAX])


@cuda.jit(device=True)
def _place(found: FloatArray, rows: IntArray, out: FloatArray, w: int, column: int) -> None:
    if column >= 0:
        for j in range(len(rows)):
            out[rows[j], w, column] = found[j]
