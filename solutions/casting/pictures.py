"""Pictures as the detector takes them: scaled to fit a square, the rest grey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ml_core.data.pictures import read_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml_core.data.media import Media

GREY = 114


@dataclass(frozen=True, slots=True)
class Fitted:
    """A picture in its square: pixels (3, side, side) u8, and the way back to the original."""

    pixels: NDArray[np.uint8]
    scale: float
    left: int
    top: int
    width: int
    height: int


def fitted(media: Media, name: str, side: int) -> Fitted:
    """Read a picture and scale it to fit a square. Raises: DataError: if it cannot be read."""
    whole = read_picture(media.read(name), name)
    height, width = whole.shape[:2]
    scale = side / max(height, width)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (side - w) // 2, (side - h) // 2
    small = Image.fromarray(whole).resize((w, h), Image.Resampling.BILINEAR)
    square = np.full((side, side, 3), GREY, np.uint8)
    square[top : top + h, left : left + w] = np.asarray(small)
    pixels = np.ascontiguousarray(square.transpose(2, 0, 1))
    return Fitted(pixels, scale, left, top, width, height)
