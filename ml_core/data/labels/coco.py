"""COCO labels: one JSON file with pictures, categories and boxes in pixels."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ml_core.data.labels.box import Box
from ml_core.errors import Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ml_core.data.labels.read import Files, Found

SOURCE = "https://cocodataset.org/#format-data"


def read(
    files: Files, pictures: Sequence[str], found: Found, size: Callable[[str], tuple[int, int]]
) -> bool:
    """Fill `found` from every JSON file that has images and annotations."""
    is_found = False
    for name in files.names:
        told = _told(files, name)
        if told is not None:
            is_found = True
            _read_one(told, name, pictures, found, size)
    return is_found


def _told(files: Files, name: str) -> dict[str, Any] | None:
    if not name.lower().endswith(".json"):
        return None
    try:
        told = json.loads(files.read(name))
    except (ValueError, RecursionError):
        return None
    is_coco = isinstance(told, dict) and {"images", "annotations"} <= told.keys()
    return told if is_coco else None


def _read_one(
    told: dict[str, Any],
    where: str,
    pictures: Sequence[str],
    found: Found,
    size: Callable[[str], tuple[int, int]],
) -> None:
    try:
        kinds = {one["id"]: str(one["name"]) for one in told.get("categories", [])}
        names = {one["id"]: str(one["file_name"]) for one in told["images"]}
    except (KeyError, TypeError) as error:
        message = (
            f"{where} must give id and name of pictures and categories. It does not ({error}). "
            "Export it again."
        )
        found.issues.append(Issue("bad_labels", message))
        return
    by_end = {PurePosixPath(picture).name: picture for picture in pictures}
    known = set(pictures)
    places = {
        key: name if name in known else by_end.get(PurePosixPath(name).name)
        for key, name in names.items()
    }
    for place in filter(None, places.values()):
        found.boxes.setdefault(place, [])
    for number, one in enumerate(told["annotations"], 1):
        _annotation(one, f"{where}, annotation {number}", kinds, places, found, size)


def _annotation(
    one: Any,
    where: str,
    kinds: dict[Any, str],
    places: dict[Any, str | None],
    found: Found,
    size: Callable[[str], tuple[int, int]],
) -> None:
    try:
        place = places[one["image_id"]]
        if place is None:
            raise ValueError("must belong to a picture of the archive that can be read")
        x, y, width, height = (float(value) for value in one["bbox"])
        box = Box(kinds[one["category_id"]], x, y, width, height)
        found.boxes[place].append(box.clipped(*size(place)))
    except (KeyError, TypeError, ValueError) as error:
        words = str(error)
        rule = words if words.startswith("must") else "must have image_id, category_id and bbox"
        found.issues.append(Issue("bad_box", f"A box {rule}. Got {where}. Correct it."))


def write(rows: Iterable[tuple[str, int, int, Sequence[Box]]]) -> str:
    """Return the JSON text for pictures given as (name, width, height, boxes)."""
    listed = list(rows)
    kinds = sorted({box.label for *_, boxes in listed for box in boxes})
    number = {kind: index for index, kind in enumerate(kinds, 1)}
    annotations = [
        {
            "image_id": image, "category_id": number[box.label], "iscrowd": 0,
            "bbox": [box.x, box.y, box.width, box.height], "area": box.width * box.height,
        }
        for image, (*_, boxes) in enumerate(listed, 1)
        for box in boxes
    ]  # fmt: skip
    return json.dumps({
        "images": [
            {"id": image, "file_name": name, "width": width, "height": height}
            for image, (name, width, height, _) in enumerate(listed, 1)
        ],
        "categories": [{"id": key, "name": kind} for kind, key in number.items()],
        "annotations": [{"id": key, **one} for key, one in enumerate(annotations, 1)],
    }, ensure_ascii=False)  # fmt: skip
