"""Letterboxing: a picture scaled to fit a square, as a network takes it, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernels._checks import check_picture, check_whole_number
from kernels._dispatch import UNMEASURED, Device, Kernel, register, run
from kernels.letterbox.placement import Placement, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

__all__ = ["Placement", "letterbox", "place"]

_LARGEST_SIDE = 16_384


def letterbox(
    picture: NDArray[np.uint8], side: int, *, fill: int = 114, device: Device = "auto"
) -> NDArray[np.float32]:
    """Scale a picture into the middle of a square, as floats with the colours first.

        out[c, top + y, left + x] = sum_ij v[y, i] h[x, j] picture[i, j, c] / 255

    with v and h triangles as wide as two new pixels (or two old ones, if the picture grows), whose
    weights sum to one; what is not covered is `fill` / 255. `place` tells where the picture lies,
    and so the way back. A picture without pixels leaves the square empty.

    Shapes: picture (h, w, 3) -> (3, side, side), 0 to 1. O(h w + side^2 k), k old pixels a new one.

    Args:
        picture: colours 0 to 255.
        side: of the square, in pixels.
        fill: what lies around the picture, 0 to 255.
        device: where to compute.

    Raises:
        TypeError: if the picture has another type.
        ValueError: if a shape, `side` or `fill` is out of range.
        DeviceError: if `device` is "cuda" and there is none.

    Source: the letterbox of Redmon's Darknet, with a triangle filter that widens as the picture
    shrinks (Turkowski, "Filters for common resampling tasks", Graphics Gems, 1990), as in Pillow's
    BILINEAR; that one rounds to whole colours between the two directions, this one does not.
    """
    check_picture("picture", picture)
    check_whole_number("`side`", side, least=1, most=_LARGEST_SIDE)
    check_whole_number("`fill`", fill, least=0, most=255)
    return run(_KERNEL, picture, int(side), int(fill), size=picture.size, device=device)


def _cases(rng: Generator) -> Iterator[tuple[Any, ...]]:
    shapes = ((0, 0), (0, 4), (1, 1), (1, 37), (9, 5), (12, 12), (13, 11))
    for height, width in shapes:
        picture = rng.integers(0, 256, (height, width, 3), np.uint8)
        for side in (1, 4, 12, 19):
            yield picture, side, 114
    yield np.full((7, 7, 3), 255, np.uint8), 5, 0


_KERNEL = register(
    Kernel(
        name="letterbox",
        module=__name__,
        cases=_cases,
        # Sums of 32-bit products in another order than the reference, which adds in 64 bits.
        rtol=0.0,
        atol=1e-6,
        gpu_min_size=UNMEASURED,
    )
)
