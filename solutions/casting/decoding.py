"""From what the network says to boxes: distances to sides, and one box for each thing."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from kernels.nms import nms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

STRIDES = (8, 16, 32)
REG_MAX = 16
LEAST = 0.01  # what is less sure adds nothing to mean average precision but length
IOU = 0.5
MOST = 300


@lru_cache(maxsize=8)
def anchors(side: int) -> tuple[Floats, Floats]:
    """Return the middle of each place in pixels, and its stride. Shapes: -> (a, 2), (a,)."""
    points, strides = [], []
    for stride in STRIDES:
        n = side // stride
        y, x = np.mgrid[:n, :n]
        points.append((np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * stride)
        strides.append(np.full(n * n, stride))
    return np.concatenate(points).astype(np.float32), np.concatenate(strides).astype(np.float32)


def decode(boxes: Floats, scores: Floats, side: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return boxes, confidences and classes of one picture, the surest first.

    Shapes: boxes (64, a), scores (classes, a) -> (k, 4) as x1 y1 x2 y2 in pixels of the square,
    (k,), (k,).
    """
    chance = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
    kinds, places = np.nonzero(chance >= LEAST)
    points, strides = anchors(side)
    spread = boxes[:, places].reshape(4, REG_MAX, -1)
    spread = np.exp(spread - spread.max(axis=1, keepdims=True))
    distances = (spread * np.arange(REG_MAX)[:, None]).sum(axis=1) / spread.sum(axis=1)
    near, far = distances[:2].T, distances[2:].T
    step = strides[places, None]
    corners = np.concatenate([points[places] - near * step, points[places] + far * step], axis=1)
    confidence = chance[kinds, places].astype(np.float32)
    corners = corners.astype(np.float32)
    # A network that diverged says no numbers; what is left of them is no box.
    whole = np.isfinite(corners).all(axis=1)
    corners, confidence, kinds = corners[whole], confidence[whole], kinds[whole]
    kept = nms(corners, confidence, kinds, overlap=IOU, most=MOST, device="cpu")
    return corners[kept], confidence[kept], kinds[kept]


def overlap(one: Floats, many: Floats) -> Floats:
    """Return intersection over union. Shapes: (4,), (n, 4) -> (n,)."""
    low, high = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = (many[:, 2:] - many[:, :2]).prod(axis=1) + (one[2:] - one[:2]).prod()
    found: Floats = shared / np.maximum(areas - shared, 1e-9)
    return found
