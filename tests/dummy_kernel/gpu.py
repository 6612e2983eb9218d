"""Sums by segment on CUDA: one thread for each value, which adds it to its sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import cuda

if TYPE_CHECKING:
    from numpy.typing import NDArray

_THREADS = 128


def run(
    values: NDArray[np.float64], segments: NDArray[np.int64], n_segments: int
) -> NDArray[np.float64]:
    """Return the sums (n_segments,)."""
    if not len(values):
        return np.zeros(n_segments, np.float64)
    sums = cuda.to_device(np.zeros(n_segments, np.float64))
    blocks = -(-len(values) // _THREADS)
    _add[blocks, _THREADS](cuda.to_device(values), cuda.to_device(segments), sums)
    found: NDArray[np.float64] = sums.copy_to_host()
    return found


@cuda.jit
def _add(
    values: NDArray[np.float64], segments: NDArray[np.int64], sums: NDArray[np.float64]
) -> None:
    row = cuda.grid(1)
    if row < len(values):
        cuda.atomic.add(sums, segments[row], values[row])
