"""Archives of small pictures for tests, in every form of labels."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
from PIL import Image


def picture(n: int, side: int = 32) -> tuple[bytes, tuple[int, int, int, int] | None]:
    """Draw a dark picture; all but each third has a bright square. Returns PNG and x, y, w, h."""
    rng = np.random.default_rng(n)
    values = rng.integers(0, 60, (side, side, 3)).astype(np.uint8)
    box = None
    if n % 3:
        x, y = (int(v) for v in rng.integers(2, side - 12, 2))
        values[y : y + 8, x : x + 10] = 250
        box = (x, y, 10, 8)
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG")
    return out.getvalue(), box


def packed(files: dict[str, bytes | str]) -> bytes:
    """Pack files into a ZIP that is the same each time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def damaged(archive: io.BytesIO, name: str, place: int = 0) -> bytes:
    """Overwrite some of the packed bytes of a file in a ZIP."""
    with zipfile.ZipFile(archive) as made:
        start = made.getinfo(name).header_offset + 30 + len(name) + place
    whole = bytearray(archive.getvalue())
    whole[start : start + 8] = b"\xff" * 8
    return bytes(whole)


def squares_files(n: int = 12, side: int = 32) -> dict[str, bytes | str]:
    """Return pictures with YOLO labels."""
    files: dict[str, bytes | str] = {"data.yaml": "names: [square]\n"}
    for i in range(n):
        data, box = picture(i, side)
        files[f"images/p{i:02d}.png"] = data
        files[f"labels/p{i:02d}.txt"] = "" if box is None else _yolo(box, side)
    return files


def _yolo(box: tuple[int, int, int, int], side: int) -> str:
    x, y, w, h = box
    return f"0 {(x + w / 2) / side} {(y + h / 2) / side} {w / side} {h / side}\n"


def squares_zip(n: int = 12) -> bytes:
    """Return a ZIP of pictures with YOLO labels."""
    return packed(squares_files(n))


def coco_files(n: int = 6) -> dict[str, bytes | str]:
    """Return the same pictures with COCO labels."""
    drawn = [picture(i) for i in range(n)]
    told = {
        "images": [{"id": i, "file_name": f"p{i}.png"} for i in range(n)],
        "categories": [{"id": 5, "name": "square"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 5, "bbox": list(box)}
            for i, (_, box) in enumerate(drawn)
            if box
        ],
    }
    pictures: dict[str, bytes | str] = {f"p{i}.png": data for i, (data, _) in enumerate(drawn)}
    return pictures | {"annotations.json": json.dumps(told)}


def voc_files(n: int = 6) -> dict[str, bytes | str]:
    """Return the same pictures with Pascal VOC labels."""
    files: dict[str, bytes | str] = {}
    for i in range(n):
        data, box = picture(i)
        files[f"JPEGImages/p{i}.png"] = data
        drawn = ""
        if box:
            x, y, w, h = box
            drawn = (
                f"<object><name>square</name><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin>"
                f"<xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
            )
        files[f"Annotations/p{i}.xml"] = (
            f"<annotation><filename>p{i}.png</filename>{drawn}</annotation>"
        )
    return files
