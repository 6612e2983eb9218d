"""YOLO labels: a text file for each picture, a line for each box, parts of the picture's size."""

from __future__ import annotations

import math
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from ml_core.data.labels.box import Box
from ml_core.errors import Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ml_core.data.labels.read import Files, Found

SOURCE = "https://docs.ultralytics.com/datasets/detect/"
_NOT_LABELS = {"classes.txt", "train.txt", "val.txt", "test.txt", "readme.txt", "obj.names"}


def read(
    files: Files, pictures: Sequence[str], found: Found, size: Callable[[str], tuple[int, int]]
) -> bool:
    """Fill `found` with the boxes of every picture that has a label file."""
    labels = {name for name in files.names if _is_label(name)}
    names = _class_names(files)
    pairs = [(picture, _label_of(picture, labels)) for picture in pictures]
    if not any(label for _, label in pairs):
        return False
    for picture, label in pairs:
        if label is not None:
            text = files.read(label).decode("utf-8", "replace")
            found.boxes[picture] = [
                box
                for number, line in enumerate(text.splitlines(), 1)
                if line.strip()
                and (box := _line(line, names, size(picture), found, f"{label}, line {number}"))
            ]
    return True


def _is_label(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() == ".txt" and path.name.lower() not in _NOT_LABELS


def _label_of(picture: str, labels: set[str]) -> str | None:
    path = PurePosixPath(picture)
    places = [path.with_suffix(".txt")]
    for index, part in enumerate(path.parts):
        if part == "images":
            parts = (*path.parts[:index], "labels", *path.parts[index + 1 :])
            places.append(PurePosixPath(*parts).with_suffix(".txt"))
    if "images" not in path.parts:
        places.append(PurePosixPath("labels", path.name).with_suffix(".txt"))
    return next((str(place) for place in places if str(place) in labels), None)


def _class_names(files: Files) -> list[str]:
    for name in files.names:
        end = PurePosixPath(name).name.lower()
        if end in ("classes.txt", "obj.names"):
            return files.read(name).decode("utf-8", "replace").split("\n")
        if end in ("data.yaml", "data.yml", "dataset.yaml"):
            told: Any = yaml.safe_load(files.read(name)) or {}
            names = told.get("names", []) if isinstance(told, dict) else []
            ordered = [names[key] for key in sorted(names)] if isinstance(names, dict) else names
            return [str(one) for one in ordered]
    return []


def _line(
    line: str, names: Sequence[str], size: tuple[int, int], found: Found, where: str
) -> Box | None:
    try:
        kind, *numbers = line.split()[:5]
        cx, cy, w, h = (float(number) for number in numbers)
        if not all(math.isfinite(value) for value in (cx, cy, w, h)):
            raise ValueError("must have four finite numbers")
        label = _name(int(kind), names)
        width, height = size
        box = Box(label, (cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height)
        return box.clipped(width, height)
    except ValueError as error:
        rule = str(error) if str(error).startswith("must") else "must be: class x y width height"
        message = f"A box {rule}. Got {line.strip()[:80]!r} in {where}. Correct the line."
        found.issues.append(Issue("bad_box", message))
        return None


def _name(kind: int, names: Sequence[str]) -> str:
    if not names:
        return f"class_{kind}"
    if not 0 <= kind < len(names):
        raise ValueError(f"must be of a class from 0 to {len(names) - 1}")
    return names[kind].strip()


def write(
    rows: Iterable[tuple[str, int, int, Sequence[Box]]], digits: int = 6
) -> Mapping[str, str]:
    """Return label files and data.yaml; pictures are (name, width, height, boxes).

    Pictures belong below `images/`, their labels stand below `labels/`.
    """
    listed = list(rows)
    kinds = sorted({box.label for *_, boxes in listed for box in boxes})
    return {"data.yaml": class_file(kinds)} | {
        label_file(name): label_lines(boxes, kinds, (width, height), digits)
        for name, width, height, boxes in listed
    }


def class_file(kinds: Sequence[str]) -> str:
    """Return what data.yaml says: where pictures are, and the names of the classes."""
    told = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(kinds))}
    return yaml.safe_dump(told, allow_unicode=True, sort_keys=False)


def label_file(picture: str) -> str:
    """Return the name of the label file of a picture below `images/`."""
    return str(PurePosixPath("labels", picture.removeprefix("images/")).with_suffix(".txt"))


def label_lines(
    boxes: Sequence[Box], kinds: Sequence[str], size: tuple[int, int], digits: int = 6
) -> str:
    """Return a line for each box: number of the class, centre and size as parts of the picture."""
    width, height = size
    return "".join(
        f"{kinds.index(b.label)} {(b.x + b.width / 2) / width:.{digits}f} "
        f"{(b.y + b.height / 2) / height:.{digits}f} {b.width / width:.{digits}f} "
        f"{b.height / height:.{digits}f}\n"
        for b in boxes
    )
