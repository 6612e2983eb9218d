"""Non-maximum suppression on the CPU: each box is compared with those that stay."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def run(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: IntArray,
    overlap: float,
    most: int,
) -> IntArray:
    """Return the rows that stay (k,), the surest first."""
    order = np.argsort(-scores, kind="stable")
    kept = np.empty(min(most, len(boxes)), np.int64)
    return kept[: _keep(boxes, classes, order, overlap, kept)]


@njit(cache=True)
def _keep(
    boxes: NDArray[np.float32],
    classes: IntArray,
    order: IntArray,
    overlap: float,
    kept: IntArray,
) -> int:
    n = 0
    for row in order:
        if n == len(kept):
            break
        stays = True
        for place in range(n):
            other = kept[place]
            if classes[other] == classes[row] and overlapping(boxes, other, row, overlap):
                stays = False
                break
        if stays:
            kept[n] = row
            n += 1
    return n


@njit(cache=True)
def overlapping(boxes: NDArray[np.float32], one: int, other: int, least: float) -> bool:
    """Tell whether two boxes share more than a part of what both cover.

    In 64 bits, where products of 32-bit numbers are nearly exact: each twin gets the same answer.
    """
    a1, b1 = np.float64(boxes[one, 0]), np.float64(boxes[one, 1])
    a2, b2 = np.float64(boxes[one, 2]), np.float64(boxes[one, 3])
    c1, d1 = np.float64(boxes[other, 0]), np.float64(boxes[other, 1])
    c2, d2 = np.float64(boxes[other, 2]), np.float64(boxes[other, 3])
    shared = max(min(a2, c2) - max(a1, c1), 0.0) * max(min(b2, d2) - max(b1, d1), 0.0)
    areas = max(c2 - c1, 0.0) * max(d2 - d1, 0.0) + max(a2 - a1, 0.0) * max(b2 - b1, 0.0)
    return shared > least * (areas - shared)
