"""Give labelled pictures away as a ZIP in YOLO's or COCO's form, piece by piece."""

from __future__ import annotations

import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from ml_core.data.archive import ZipPieces
from ml_core.data.labels import coco, yolo
from ml_core.data.pictures import size_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ml_core.data.labels.box import Box
    from ml_core.data.media import Media

    Row = tuple[str, Sequence[Box] | None]

Form = Literal["yolo", "coco"]
FORMS: tuple[Form, ...] = ("yolo", "coco")
COCO_FILE = "annotations/instances.json"
DIGITS = 9  # of parts of a side, so that hundredths of a pixel come back as they were


def pieces(
    rows: Sequence[Row], media: Media, form: Form, *, with_pictures: bool = True
) -> Iterator[bytes]:
    """Yield a ZIP of pictures and labels; a row is a picture's name and boxes.

    Boxes of None mean that nobody has looked: the picture has no label file, and COCO does not
    list it, so that reading the archive again tells the same. Memory holds one picture.
    Raises: DataError: if a picture is gone or damaged.
    """
    out = ZipPieces()
    names = _names([name for name, _ in rows])
    kinds = sorted({box.label for _, boxes in rows for box in boxes or ()})
    listed: list[tuple[str, int, int, Sequence[Box]]] = []
    with zipfile.ZipFile(out, "w") as archive:
        if form == "yolo":
            _add(archive, "data.yaml", yolo.class_file(kinds))
        for (source, boxes), name in zip(rows, names, strict=True):
            data = media.read(source)
            if with_pictures:
                archive.writestr(zipfile.ZipInfo(name), data)
            if boxes is not None:
                size = size_of(data, source)
                if form == "yolo":
                    lines = yolo.label_lines(boxes, kinds, size, DIGITS)
                    _add(archive, yolo.label_file(name), lines)
                else:
                    listed.append((name, *size, boxes))
            yield out.take()
        if form == "coco":
            _add(archive, COCO_FILE, coco.write(listed))
    yield out.take()


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, text.encode())


def _names(sources: Sequence[str]) -> list[str]:
    """Put pictures below `images/`, no two of which differ in their ending alone."""
    taken: set[PurePosixPath] = set()
    names = []
    for source in sources:
        path = PurePosixPath("images", source.removeprefix("images/"))
        free, number = path, 2
        while free.with_suffix("") in taken:
            free, number = path.with_stem(f"{path.stem}_{number}"), number + 1
        taken.add(free.with_suffix(""))
        names.append(str(free))
    return names
