"""The search in one entity's past: written once, compiled for the CPU and for CUDA."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def first_unknown(time: NDArray[np.int64], start: int, stop: int, moment: int, delay: int) -> int:
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
