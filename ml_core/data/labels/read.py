"""Make a table of an archive of pictures, whatever form its labels have."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

import polars as pl

from ml_core.data.labels import coco, voc, yolo
from ml_core.data.labels.box import to_text
from ml_core.data.mapping import suggest
from ml_core.data.pictures import ENDINGS, size_of
from ml_core.data.read import chunks, sniff
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ml_core.data.labels.box import Box
    from ml_core.data.schema import Column, Schema
    from ml_core.typing import Frame

    Sizes = Callable[[str], tuple[int, int]]

SOUNDS = (".wav", ".flac", ".ogg", ".mp3")


class Files(Protocol):
    """Files by name, such as the members of an archive."""

    @property
    def names(self) -> Sequence[str]:
        """All names, in order."""
        ...

    def read(self, name: str) -> bytes:
        """Return one whole."""
        ...


@dataclass(slots=True)
class Found:
    """What labels were in an archive: boxes by picture, and what was wrong with them."""

    form: str
    boxes: dict[str, list[Box]] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)


def read_labelled(files: Files, schema: Schema) -> tuple[Frame, str, list[Issue]]:
    """Return a table of text with the schema's names, the form that was found, and issues.

    A CSV whose header has the schema's picture column wins; else there is a row for each picture,
    with boxes from YOLO, COCO or Pascal VOC files, and the folder as its class.
    Raises: DataError: if there is no picture.
    """
    image = image_column(schema)
    pictures = [name for name in files.names if name.lower().endswith(ENDINGS)]
    if not pictures:
        message = "An archive must hold pictures (JPEG, PNG, WebP, BMP, TIFF). It holds none."
        raise DataError(Issue("no_picture", message))
    if (table := _table(files, schema, image)) is not None:
        return table
    found = _boxes(files, pictures)
    columns: dict[str, list[str | None]] = {image.name: list(pictures)}
    boxes = next((c for c in schema.columns if c.kind == "boxes"), None)
    if boxes is not None:
        columns[boxes.name] = [_cell(found, name) for name in pictures]
    if (folder := _folder_column(schema)) is not None:
        columns[folder.name] = [PurePosixPath(name).parent.name or None for name in pictures]
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)), found.form, found.issues


def image_column(schema: Schema) -> Column:
    """Return the column that names pictures. Raises: KeyError: if there is none."""
    for column in schema.columns:
        if column.kind == "image":
            return column
    raise KeyError("image")


def has_pictures(schema: Schema) -> bool:
    """Tell whether rows of this schema speak of pictures."""
    return any(column.kind == "image" for column in schema.columns)


def _cell(found: Found, name: str) -> str | None:
    return to_text(found.boxes[name]) if name in found.boxes else None


def _folder_column(schema: Schema) -> Column | None:
    """Return the column that a folder's name is meant for: a label, else a group."""
    groups = [c for c in schema.columns if c.kind == "category"]
    return next((c for c in groups if c.role == "label"), groups[0] if groups else None)


# -- boxes beside the pictures -------------------------------------------------------------------

_READERS: Mapping[str, Callable[[Files, Sequence[str], Found, Sizes], bool]] = {
    "coco": coco.read,
    "voc": voc.read,
    "yolo": yolo.read,
}


def _boxes(files: Files, pictures: Sequence[str]) -> Found:
    sizes = {name: size for name in pictures if (size := _size(files, name))}
    for form, read in _READERS.items():
        found = Found(form)
        if read(files, list(sizes), found, sizes.__getitem__):
            return found
    return Found("pictures")


def _size(files: Files, name: str) -> tuple[int, int] | None:
    try:
        return size_of(files.read(name), name)
    except DataError:
        return None  # whoever decodes it says what is wrong with it


# -- a table beside the pictures -----------------------------------------------------------------


def _table(files: Files, schema: Schema, image: Column) -> tuple[Frame, str, list[Issue]] | None:
    for name in files.names:
        if not name.lower().endswith((".csv", ".tsv")):
            continue
        data = files.read(name)
        sniffed = sniff(io.BytesIO(data), name)
        mapping = {
            own: source for own, source in suggest(schema, sniffed.columns).items() if source
        }
        if image.name not in mapping:
            continue
        parts = chunks(io.BytesIO(data), sniffed, list(dict.fromkeys(mapping.values())))
        raw = pl.concat([part.frame for part in parts]).cast(pl.String)
        frame = raw.select(pl.col(source).alias(own) for own, source in mapping.items())
        return _with_full_names(frame, files, schema, name)
    return None


def _with_full_names(
    frame: Frame, files: Files, schema: Schema, table: str
) -> tuple[Frame, str, list[Issue]]:
    """Give cells that name a file its whole name in the archive."""
    known, folder = set(files.names), PurePosixPath(table).parent
    by_end: dict[str, str | None] = {}
    for name in files.names:
        end = PurePosixPath(name).name
        by_end[end] = None if end in by_end else name

    def full(cell: str | None) -> str | None:
        if not cell or cell in known:
            return cell or None
        beside = str(folder / cell)
        return beside if beside in known else by_end.get(PurePosixPath(cell).name)

    issues: list[Issue] = []
    for column in [c for c in schema.columns if c.kind in ("image", "audio")]:
        if column.name not in frame.columns:
            continue
        cells = frame[column.name].to_list()
        names = [full(cell) for cell in cells]
        pairs = enumerate(zip(cells, names, strict=True), 1)
        issues += [
            _lost(column.name, row, str(cell)) for row, (cell, name) in pairs if cell and not name
        ]
        frame = frame.with_columns(pl.Series(column.name, names, dtype=pl.String))
    return frame, "table", issues


def _lost(column: str, row: int, cell: str) -> Issue:
    message = (
        f"Column {column} must name a file of the archive. Got {cell[:100]!r}. "
        "Add the file, or correct the name."
    )
    return Issue("missing_file", message, column=column, row=row)
