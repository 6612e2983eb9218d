"""What a stranger may send: archives and pictures that lie, lead out, or are not what they say."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

from tests.apps.pictures import packed, picture

GOOD = picture(1)[0]
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", b"\0" * 50_000_000)
    return out.getvalue()


def many() -> bytes:
    return packed({f"{i}.png": b"" for i in range(50_001)})


def with_a_link() -> bytes:
    out, info = io.BytesIO(), zipfile.ZipInfo("a.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def lying(size: int) -> bytes:
    """Say another size of a file, where the archive lists it and before it."""
    data = bytearray(packed({"a.png": GOOD}))
    true = struct.pack("<I", len(GOOD))
    at = data.index(b"PK\x01\x02")
    assert data[at + 24 : at + 28] == true
    data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


def endless() -> bytes:
    """Promise twenty files of four gigabytes each."""
    data = bytearray(packed({f"{i:02d}.png": GOOD for i in range(20)}))
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) > 0:
        data[at + 24 : at + 28] = struct.pack("<I", 2**32 - 2)
    return bytes(data)


def locked() -> bytes:
    data = bytearray(packed({"a.png": GOOD}))
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


def huge_png() -> bytes:
    """Return a PNG of 50,000 x 50,000 px that is small in the file."""

    def part(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (6_251 * 2_000), 9)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", rows) + part(b"IEND", b"")


def jpeg(side: int = 64, **more) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (side, side, 3)).astype(np.uint8)
    Image.fromarray(noise).save(out, "JPEG", **more)
    return out.getvalue()


def turned() -> bytes:
    """Return a photo that was taken with the camera held upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (40, 20))
    image.paste((250, 250, 250), (0, 0, 20, 20))  # the left half is bright
    out = io.BytesIO()
    image.save(out, "PNG", exif=exif)
    return out.getvalue()


def saved(values, mode: str, form: str = "PNG", **more) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(values) if mode == "I;16" else Image.fromarray(values).convert(mode)
    image.save(out, form, **more)
    return out.getvalue()
