"""Non-maximum suppression in plain NumPy, by definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def run(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: NDArray[np.int64],
    overlap: float,
    most: int,
) -> NDArray[np.int64]:
    """Return the rows that stay (k,), the surest first."""
    order = np.argsort(-scores, kind="stable")
    corners = boxes.astype(np.float64)
    kept: list[int] = []
    while len(order) and len(kept) < most:
        first, order = int(order[0]), order[1:]
        kept.append(first)
        gone = (classes[order] == classes[first]) & _overlap(
            corners[first], corners[order], overlap
        )
        order = order[~gone]
    return np.array(kept, np.int64)


def _overlap(
    one: NDArray[np.float64], many: NDArray[np.float64], least: float
) -> NDArray[np.bool_]:
    low, high = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = np.clip(many[:, 2:] - many[:, :2], 0, None).prod(axis=1)
    both = areas + np.clip(one[2:] - one[:2], 0, None).prod() - shared
    found: NDArray[np.bool_] = shared > least * both
    return found
