"""What to time letterboxing on, and the same work by libraries a user would pick."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.letterbox.placement import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]


def sizes() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield a small, a usual and a large picture, each for a square of 640 pixels."""
    for name, shape in (("small", (200, 200)), ("medium", (720, 1280)), ("large", (3000, 4000))):
        picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
        yield name, (picture, 640, 114)


def peers() -> dict[str, Callable[..., Any]]:
    """Return two ways with the same triangle, and OpenCV's, whose pixels are means of boxes."""
    return {"pillow": _pillow, "torch_antialias": _torch, "opencv_area": _opencv}


def _pillow(picture: Picture, side: int, fill: int) -> Any:
    image = import_module("PIL.Image")
    placed = place(picture.shape[0], picture.shape[1], side)
    size = (placed.width, placed.height)
    small = image.fromarray(picture).resize(size, image.Resampling.BILINEAR)
    return _framed(np.asarray(small), side, fill)


def _opencv(picture: Picture, side: int, fill: int) -> Any:
    cv2 = import_module("cv2")
    placed = place(picture.shape[0], picture.shape[1], side)
    size = (placed.width, placed.height)
    return _framed(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), side, fill)


def _torch(picture: Picture, side: int, fill: int) -> Any:
    torch = import_module("torch")
    placed = place(picture.shape[0], picture.shape[1], side)
    square = torch.full((3, side, side), fill / 255)
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    small = torch.nn.functional.interpolate(
        pixels, (placed.height, placed.width), mode="bilinear", antialias=True
    )
    bottom, right = placed.top + placed.height, placed.left + placed.width
    square[:, placed.top : bottom, placed.left : right] = small[0] / 255
    return square


def _framed(small: Picture, side: int, fill: int) -> NDArray[np.float32]:
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    square = np.full((side, side, 3), fill, np.uint8)
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return np.ascontiguousarray(square.transpose(2, 0, 1)).astype(np.float32) / np.float32(255)
