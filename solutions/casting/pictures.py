"""Pictures as the detector takes them: scaled to fit a square, the rest grey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernels.letterbox import letterbox, place
from ml_core.data.pictures import read_picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ml_core.data.media import Media

GREY = 114


@dataclass(frozen=True, slots=True)
class Fitted:
    """A picture in its square: pixels (3, side, side), 0 to 1, and the way back to the original."""

    pixels: NDArray[np.float32]
    scale: float
    left: int
    top: int
    width: int
    height: int


def fitted(media: Media, name: str, side: int) -> Fitted:
    """Read a picture and scale it to fit a square. Raises: DataError: if it cannot be read."""
    whole = read_picture(media.read(name), name)
    height, width = whole.shape[:2]
    placed = place(height, width, side)
    pixels = letterbox(whole, side, fill=GREY, device="cpu")
    return Fitted(pixels, placed.scale, placed.left, placed.top, width, height)
