"""Pascal VOC labels: one XML file for each picture, boxes by their corners in pixels."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ml_core.data.labels.box import Box
from ml_core.errors import Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ml_core.data.labels.read import Files, Found

SOURCE = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read(
    files: Files, pictures: Sequence[str], found: Found, size: Callable[[str], tuple[int, int]]
) -> bool:
    """Fill `found` from every XML file that names a picture."""
    by_stem = {PurePosixPath(picture).stem: picture for picture in pictures}
    is_found = False
    for name in files.names:
        if not name.lower().endswith(".xml"):
            continue
        root = _parsed(files.read(name), name, found)
        if root is None or root.tag != "annotation":
            continue
        is_found = True
        stem = PurePosixPath(root.findtext("filename") or name).stem
        picture = by_stem.get(stem) or by_stem.get(PurePosixPath(name).stem)
        if picture is None:
            message = f"{name} must belong to a readable picture. Got {stem!r}. Add it."
            found.issues.append(Issue("missing_file", message))
            continue
        boxes = [_object(thing, size(picture), found, name) for thing in root.iter("object")]
        found.boxes[picture] = [box for box in boxes if box is not None]
    return is_found


def _parsed(data: bytes, name: str, found: Found) -> ET.Element | None:
    # Entities are how a small XML file grows without end, and how it reads other files.
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        found.issues.append(Issue("bad_labels", f"{name} must have no DOCTYPE. Remove it."))
        return None
    try:
        return ET.fromstring(data)  # noqa: S314  no entities: see above
    except ET.ParseError as error:
        message = f"{name} must be XML. It is not ({error}). Correct it."
        found.issues.append(Issue("bad_labels", message))
        return None


def _object(thing: ET.Element, size: tuple[int, int], found: Found, where: str) -> Box | None:
    try:
        left, upper, right, lower = (float(thing.findtext(f"bndbox/{c}") or "") for c in _CORNERS)
        # Corners count pixels from 1, and the last one belongs to the box.
        box = Box(
            thing.findtext("name") or "", left - 1, upper - 1, right - left + 1, lower - upper + 1
        )
        if not box.label:
            raise ValueError("must have a name")
        return box.clipped(*size)
    except ValueError as error:
        rule = str(error) if str(error).startswith("must") else "must have four numbers in bndbox"
        found.issues.append(Issue("bad_box", f"A box {rule}. Got one in {where}. Correct it."))
        return None
