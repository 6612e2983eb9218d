"""Check an archive of pictures as a table of them, picture by picture and sound by sound."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

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


def check_gallery(
    files: Files,
    schema: Schema,
    checker: Checker,
    progress: Callable[[int, float], None] = lambda _rows, _share: None,
) -> Frame:
    """Return the rows of an archive; what is wrong with them is told to the checker.

    Each picture and sound is decoded once, so none that is ready can fail later. `progress` gets
    files so far and the share done; it may raise to stop.
    Raises: DataError: if there is no picture, or the table beside them cannot be read.
    """
    raw, _, issues = read_labelled(files, schema)
    frame = checker.add(raw)
    for issue in issues:
        checker.tell(issue)
    first: dict[tuple[str, str], int] = {}
    for column in [c for c in schema.columns if c.kind in _READERS and c.name in frame.columns]:
        for row, name in enumerate(frame[column.name], 1):
            if name:
                first.setdefault((column.name, name), row)
    kinds = {column.name: column.kind for column in schema.columns}
    ordered = sorted(first.items(), key=lambda pair: pair[1])
    for done, ((column_name, name), row) in enumerate(ordered, 1):
        for issue in faults_of(files, name, kinds[column_name]):
            checker.tell(replace(issue, column=column_name, row=row))
        progress(done, done / len(first))
    return frame


def faults_of(files: Media, name: str, kind: str) -> tuple[Issue, ...]:
    """Return why a file cannot be used as a column of a kind would; nothing if it can."""
    try:
        _READERS[kind](files.read(name), name)
    except DataError as error:
        return error.issues
    return ()
