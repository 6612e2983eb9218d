"""Pictures of all kinds are decoded alike, and hostile ones are refused with a reason."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ml_core.data.pictures import read_picture, size_of, thumbnail
from ml_core.errors import DataError

RED_ABOVE = np.zeros((20, 10, 3), np.uint8)
RED_ABOVE[:10, :, 0] = 255


def encoded(image: Image.Image, form: str = "PNG", **choices) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **choices)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that says of itself how large it is, and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK"])
def test_every_mode_becomes_three_colours(mode):
    form = "TIFF" if mode == "CMYK" else "PNG"

    got = read_picture(encoded(Image.fromarray(RED_ABOVE).convert(mode), form))

    assert got.shape == (20, 10, 3)
    assert got.dtype == np.uint8


def test_sixteen_bits_keep_their_order():
    deep = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)

    got = read_picture(encoded(Image.fromarray(deep)))

    assert got[0, 0, 0] == 0
    assert got[-1, -1, 0] == 255
    assert (np.diff(got[..., 0].ravel().astype(int)) >= 0).all()


def test_transparency_is_seen_on_white():
    got = read_picture(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 0))))

    assert (got == 255).all()


def test_a_picture_is_turned_upright_by_its_tag():
    lying = Image.fromarray(RED_ABOVE)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(lying, "JPEG", exif=exif, quality=100)

    got = read_picture(data)

    assert got.shape == (10, 20, 3)
    assert size_of(data) == (20, 10)
    assert got[5, 17, 0] > 200  # red was above, and is on the right now


@pytest.mark.parametrize("read", [size_of, read_picture, lambda data: thumbnail(data, 64)])
def test_a_bomb_is_refused_before_it_is_decoded(read):
    with pytest.raises(DataError, match="at most 100 megapixels"):
        read(png_header(50_000, 50_000))


def test_a_cut_picture_is_refused():
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    whole = encoded(Image.fromarray(noise), "JPEG")

    with pytest.raises(DataError, match="must be whole"):
        read_picture(whole[: len(whole) // 2])


@pytest.mark.parametrize("data", [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_picture_is_refused_by_name(data):
    with pytest.raises(DataError, match=r"part7\.png"):
        read_picture(data, "part7.png")


def test_a_thumbnail_fits_and_keeps_its_form():
    small = Image.open(io.BytesIO(thumbnail(encoded(Image.new("RGB", (400, 100))), 64)))

    assert small.size == (64, 16)


@given(st.binary(max_size=200))
def test_noise_is_always_a_data_error(data):
    with pytest.raises(DataError):
        read_picture(b"\x89PNG\r\n\x1a\n" + data)


def test_a_library_that_replaces_pillows_open_changes_no_refusal(monkeypatch):
    from ultralytics.utils import patches  # noqa: PLC0415  heavy, and replaces it when imported

    monkeypatch.setattr(Image, "open", patches.image_open)

    with pytest.raises(DataError, match="of a known form"):
        read_picture(b"hello", "no picture")
