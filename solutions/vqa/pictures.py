"""Pictures as the network takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ml_core.data.pictures import read_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml_core.data.media import Media


def square(media: Media, name: str, side: int) -> NDArray[np.uint8]:
    """Return a picture drawn square. Shapes: -> (3, side, side)."""
    image = Image.fromarray(read_picture(media.read(name), name))
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
