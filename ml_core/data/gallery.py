"""Check an archive of pictures as a table of them, picture by picture and sound by sound."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from ml_core.data.labels.read import read_labelled
from ml_core.data.pictures import read_picture
from ml_core.data.sounds import read_sound
from ml_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml_core.data.labels.read import Files
    from ml_core.data.media import Media
    from ml_core.data.schema import Schema
    from ml_core.data.validate import Checker
    from ml_core.errors import Issue
    from ml_core.typing import Frame


_READERS: Mapping[str, Callable[[bytes, str], object]] = {
    "image": read_picture,
    "audio": read_sound,
}
_NAMED = {"column": pl.String(), "name": pl.String(), "rows": pl.List(pl.UInt32)}


def check_gallery(
    files: Files,
    schema: Schema,
    checker: Checker,
    progress: Callable[[int, float], None] = lambda _rows, _share: None,
) -> Frame:
    """Return the rows of an archive; what is wrong with them is told to the checker.

    Each picture and sound is decoded once, so none that is ready can fail later; what is wrong
    with it is told for every row that names it. `progress` gets files so far and the share done;
    it may raise to stop.
    Raises: DataError: if there is no picture, or the table beside them cannot be read.
    """
    raw, _, issues = read_labelled(files, schema)
    frame = checker.add(raw)
    for issue in issues:
        checker.tell(issue)
    named = _named(frame, schema)
    kinds = {column.name: column.kind for column in schema.columns}
    for done, (column, name, rows) in enumerate(named.iter_rows(), 1):
        for issue in faults_of(files, name, kinds[column]):
            for row in rows:
                checker.tell(replace(issue, column=column, row=row))
        progress(done, done / named.height)
    return frame


def _named(frame: Frame, schema: Schema) -> Frame:
    """Return column, name and rows (from 1) of each file that is named, by its first row."""
    parts = [pl.DataFrame(schema=_NAMED)]
    for column in [c for c in schema.columns if c.kind in _READERS and c.name in frame.columns]:
        cells = pl.DataFrame({"name": frame[column.name].cast(pl.String)})
        known = cells.with_row_index("rows", offset=1).filter(pl.col("name") != "")
        by_name = known.group_by("name", maintain_order=True).agg("rows")
        parts.append(by_name.select(pl.lit(column.name).alias("column"), "name", "rows"))
    return pl.concat(parts).sort(pl.col("rows").list.first(), maintain_order=True)


def faults_of(files: Media, name: str, kind: str) -> tuple[Issue, ...]:
    """Return why a file cannot be used as a column of a kind would; nothing if it can."""
    try:
        _READERS[kind](files.read(name), name)
    except DataError as error:
        return error.issues
    return ()
