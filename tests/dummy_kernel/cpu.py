"""Sums by segment on the CPU: one walk over the values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


@njit(cache=True)
def run(
    values: NDArray[np.float64], segments: NDArray[np.int64], n_segments: int
) -> NDArray[np.float64]:
    """Return the sums (n_segments,)."""
    sums = np.zeros(n_segments, np.float64)
    for row in range(len(values)):
        sums[segments[row]] += values[row]
    return sums
