"""Letterboxing on the CPU: each new row is gathered once, and written where it belongs.

A row of the old width is summed from old rows, which lie in memory as they are read; the new row is
taken from it while it is still in the cache. So a picture is read about twice, and nothing between
old and new is kept but that row.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.letterbox.placement import place, taps

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


def run(picture: NDArray[np.uint8], side: int, fill: int) -> Floats:
    """Return the square (3, side, side), 0 to 1."""
    height, width = picture.shape[:2]
    placed = place(height, width, side)
    square = np.full((3, side, side), fill / 255, np.float32)
    if placed.height:
        rows, columns = taps(height, placed.height), taps(width, placed.width)
        _fill(
            picture.reshape(height, 3 * width), rows.starts, rows.weights / np.float32(255),
            columns.starts, columns.weights, square, placed.top, placed.left,
        )  # fmt: skip
    return square


@njit(cache=True)
def _fill(
    picture: NDArray[np.uint8],
    row_starts: Integers,
    row_weights: Floats,
    column_starts: Integers,
    column_weights: Floats,
    square: Floats,
    top: int,
    left: int,
) -> None:
    gathered = np.empty(picture.shape[1], np.float32)
    for y in range(len(row_starts)):
        gathered[:] = 0
        for tap in range(row_weights.shape[1]):
            weight = row_weights[y, tap]
            if weight > 0:
                _add(gathered, picture[row_starts[y] + tap], weight)
        for x in range(len(column_starts)):
            red = green = blue = np.float32(0)
            old = 3 * column_starts[x]
            for tap in range(column_weights.shape[1]):
                weight = column_weights[x, tap]
                red += weight * gathered[old]
                green += weight * gathered[old + 1]
                blue += weight * gathered[old + 2]
                old += 3
            square[0, top + y, left + x] = red
            square[1, top + y, left + x] = green
            square[2, top + y, left + x] = blue


@njit(cache=True)
def _add(gathered: Floats, row: NDArray[np.uint8], weight: np.float32) -> None:
    for index in range(len(gathered)):
        gathered[index] += weight * np.float32(row[index])
