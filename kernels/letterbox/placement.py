"""Where a picture lies in its square, and which pixels make each pixel of the small one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Placement(NamedTuple):
    """A picture of `height` by `width` in a square: its corner there, and its size."""

    top: int
    left: int
    height: int
    width: int
    scale: float


class Taps(NamedTuple):
    """Each new pixel is a mean of old ones that lie side by side.

    Shapes: starts (n,), weights (n, k): new i is the sum of weights[i, j] * old[starts[i] + j].
    """

    starts: NDArray[np.int64]
    weights: NDArray[np.float32]


def place(height: int, width: int, side: int) -> Placement:
    """Scale a picture to touch the sides of a square, in its middle; nothing is cut off."""
    if not height or not width:
        return Placement(side // 2, side // 2, 0, 0, 1.0)
    scale = side / max(height, width)
    h, w = max(1, round(height * scale)), max(1, round(width * scale))
    return Placement((side - h) // 2, (side - w) // 2, h, w, scale)


def taps(n_old: int, n_new: int) -> Taps:
    """Weigh by a triangle as wide as two new pixels, or two old ones if those are larger.

    So nothing is skipped when a picture shrinks, and it is linear interpolation when one grows.
    """
    step = n_old / n_new
    reach = max(step, 1.0)
    n_taps = min(n_old, int(np.ceil(2 * reach)))  # as many as lie inside a triangle
    middles = (np.arange(n_new) + 0.5) * step
    starts = np.clip(np.floor(middles - reach + 0.5).astype(np.int64), 0, n_old - n_taps)
    distances = starts[:, None] + np.arange(n_taps) + 0.5 - middles[:, None]
    weights = np.maximum(0.0, 1 - np.abs(distances) / reach)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(starts, weights.astype(np.float32))
