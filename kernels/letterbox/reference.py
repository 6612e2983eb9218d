"""Letterboxing in plain NumPy: one matrix for rows, one for columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernels.letterbox.placement import place, taps

if TYPE_CHECKING:
    from numpy.typing import NDArray


def run(picture: NDArray[np.uint8], side: int, fill: int) -> NDArray[np.float32]:
    """Return the square (3, side, side), 0 to 1."""
    placed = place(picture.shape[0], picture.shape[1], side)
    square = np.full((3, side, side), fill, np.float64)
    if placed.height:
        rows = _matrix(picture.shape[0], placed.height)
        columns = _matrix(picture.shape[1], placed.width)
        inside = np.einsum(
            "yh,hwc,xw->cyx", rows, picture.astype(np.float64), columns, optimize=True
        )
        bottom, right = placed.top + placed.height, placed.left + placed.width
        square[:, placed.top : bottom, placed.left : right] = inside
    return (square / 255).astype(np.float32)


def _matrix(n_old: int, n_new: int) -> NDArray[np.float64]:
    starts, weights = taps(n_old, n_new)
    matrix = np.zeros((n_new, n_old))
    for row, (start, few) in enumerate(zip(starts, weights, strict=True)):
        matrix[row, start : start + len(few)] = few
    return matrix
