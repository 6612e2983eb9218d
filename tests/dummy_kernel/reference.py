"""Sums by segment in plain NumPy, by definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def run(
    values: NDArray[np.float64], segments: NDArray[np.int64], n_segments: int
) -> NDArray[np.float64]:
    """Return the sums (n_segments,)."""
    sums = [values[segments == segment].sum() for segment in range(n_segments)]
    return np.array(sums, np.float64)
