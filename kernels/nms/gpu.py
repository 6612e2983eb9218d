"""Non-maximum suppression on CUDA: one thread for each pair, then one walk through the answers."""

from __future__ import annotations

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from kernels.nms import cpu

IntArray = NDArray[np.int64]
_SIDE = 16
# Pairs of these rows fit in memory at once (16 MB); more boxes are compared in strips.
_STRIP_BYTES = 2**24

_overlapping = cuda.jit(device=True)(cpu.overlapping.py_func)


def run(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: IntArray,
    overlap: float,
    most: int,
) -> IntArray:
    """Return the rows that stay (k,), the surest first; sorting is done on the CPU."""
    order = np.argsort(-scores, kind="stable")
    n = len(order)
    if not n:
        return order
    on_device = cuda.to_device(boxes[order]), cuda.to_device(classes[order])
    strip = max(1, min(n, _STRIP_BYTES // n))
    beats = cuda.device_array((strip, n), np.uint8)
    gone = np.zeros(n, bool)
    kept: list[int] = []
    for start in range(0, n, strip):
        if len(kept) == most:
            break
        blocks = (-(-strip // _SIDE), -(-n // _SIDE))
        _compare[blocks, (_SIDE, _SIDE)](*on_device, start, overlap, beats)
        answers = beats.copy_to_host().view(bool)
        for place in range(start, min(start + strip, n)):
            if gone[place] or len(kept) == most:
                continue
            kept.append(place)
            gone |= answers[place - start]
    return order[np.array(kept, np.int64)]


@cuda.jit
def _compare(
    boxes: NDArray[np.float32],
    classes: IntArray,
    start: int,
    overlap: float,
    beats: NDArray[np.uint8],
) -> None:
    place, other = cuda.grid(2)
    if place >= beats.shape[0] or other >= beats.shape[1]:
        return
    row = start + place
    beats[place, other] = 0
    if row < other and classes[row] == classes[other] and _overlapping(boxes, row, other, overlap):
        beats[place, other] = 1
