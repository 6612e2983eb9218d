"""Pictures from strangers: measured before they are decoded, upright, 8 bits, three colours."""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

MOST_PIXELS = 100_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")


def size_of(data: bytes, name: str = "picture") -> tuple[int, int]:
    """Return width and height of the upright picture, from its header alone.

    Raises: DataError: if it is no picture, or too large to decode.
    """
    with _opened(data, name) as image:
        width, height = image.size
        turned = image.getexif().get(0x0112, 1) in {5, 6, 7, 8}
    return (height, width) if turned else (width, height)


def read_picture(data: bytes, name: str = "picture") -> npt.NDArray[np.uint8]:
    """Decode a picture: upright by its EXIF tag, transparency on white, 16 bits scaled to 8.

    Shapes: -> (height, width, 3) RGB.
    Raises: DataError: if it is no picture, too large, or cut off.
    """
    with _opened(data, name) as image:
        return np.asarray(_plain(image))


def thumbnail(data: bytes, side: int, name: str = "picture") -> bytes:
    """Return a JPEG of the upright picture whose longer side is at most `side` pixels.

    Raises: DataError: as `read_picture`.
    """
    with _opened(data, name) as image:
        image.draft("RGB", (side, side))
        small = _plain(image)
        small.thumbnail((side, side))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=88)
        return out.getvalue()


def grey(data: bytes, size: tuple[int, int], name: str = "picture") -> npt.NDArray[np.uint8]:
    """Return the upright picture in grey, squeezed into a width and a height.

    Shapes: -> (height, width).
    Raises: DataError: as `read_picture`.
    """
    with _opened(data, name) as image:
        image.draft("RGB", (size[0] * 8, size[1] * 8))
        return np.asarray(_plain(image).convert("L").resize(size, Image.Resampling.BOX))


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _refuse_bomb(image, name)
                yield image
    except Image.DecompressionBombError as error:
        raise _too_large(name, "far more") from error
    except (UnidentifiedImageError, ImportError) as error:
        # Ultralytics replaces Pillow's `open` by one that looks for a decoder of HEIF, and fails
        # with an ImportError where there is none.
        raise _bad(name, "of a known form (JPEG, PNG, WebP, BMP or TIFF)", error) from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise _bad(name, "whole", error) from error


def _refuse_bomb(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise _too_large(name, f"{width:,} x {height:,}")


def _too_large(name: str, size: str) -> DataError:
    message = (
        f"A picture must be at most {MOST_PIXELS // 10**6} megapixels. Got {name!r} of {size}. "
        "Make it smaller."
    )
    return DataError(Issue("picture_too_large", message))


def _bad(name: str, rule: str, error: Exception) -> DataError:
    message = f"A picture must be {rule}. Got {name!r} ({_short(error)}). Save it again."
    return DataError(Issue("bad_picture", message))


def _short(error: Exception) -> str:
    """Say what the library said, without the address of an object in memory."""
    words = str(error)
    return "cannot be identified" if "BytesIO" in words else words[:120]


def _plain(image: Image.Image) -> Image.Image:
    upright: Image.Image = ImageOps.exif_transpose(image)
    if upright.mode in _DEEP:
        return _eight_bits(upright).convert("RGB")
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        seen = upright.convert("RGBA")
        ground = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(ground, seen).convert("RGB")
    return upright.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale deep grey to 8 bits: by the depth if it fits, else from darkest to brightest."""
    values: npt.NDArray[Any] = np.asarray(image, dtype=np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if low >= 0 and 255 < high <= 65535:
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return Image.fromarray(scaled.round().astype(np.uint8))
