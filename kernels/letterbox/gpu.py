"""Letterboxing on CUDA: one thread for each new pixel."""

from __future__ import annotations

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from kernels.letterbox.placement import place, taps

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
_SIDE = 16


def run(picture: NDArray[np.uint8], side: int, fill: int) -> Floats:
    """Return the square (3, side, side), 0 to 1."""
    height, width = picture.shape[:2]
    placed = place(height, width, side)
    square = np.full((3, side, side), fill / 255, np.float32)
    if placed.height:
        rows, columns = taps(height, placed.height), taps(width, placed.width)
        blocks = (-(-placed.width // _SIDE), -(-placed.height // _SIDE))
        on_device = cuda.to_device(square)
        _fill[blocks, (_SIDE, _SIDE)](
            cuda.to_device(picture), cuda.to_device(rows.starts), cuda.to_device(rows.weights),
            cuda.to_device(columns.starts), cuda.to_device(columns.weights), on_device,
            placed.top, placed.left,
        )  # fmt: skip
        on_device.copy_to_host(square)
    return square


@cuda.jit
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
    x, y = cuda.grid(2)
    if y >= len(row_starts) or x >= len(column_starts):
        return
    for colour in range(3):
        total = np.float32(0)
        for down in range(row_weights.shape[1]):
            line = np.float32(0)
            for across in range(column_weights.shape[1]):
                old = picture[row_starts[y] + down, column_starts[x] + across, colour]
                line += column_weights[x, across] * np.float32(old)
            total += row_weights[y, down] * line
        square[colour, top + y, left + x] = total / np.float32(255)
