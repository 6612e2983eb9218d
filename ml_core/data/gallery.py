"""Check an archive of pictures as a table of them, picture by picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ml_core.data.labels.read import image_column, read_labelled
from ml_core.data.pictures import read_picture
from ml_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_core.data.labels.read import Files
    from ml_core.data.schema import Schema
    from ml_core.data.validate import Checker
    from ml_core.errors import Issue
    from ml_core.typing import Frame


def check_gallery(
    files: Files,
    schema: Schema,
    checker: Checker,
    progress: Callable[[int, float], None] = lambda _rows, _share: None,
) -> Frame:
    """Return the rows of an archive; what is wrong with them is told to the checker.

    Each picture is decoded once, so none that is ready can fail later. `progress` gets pictures
    so far and the share done; it may raise to stop.
    Raises: DataError: if there is no picture, or the table beside them cannot be read.
    """
    raw, _, issues = read_labelled(files, schema)
    frame = checker.add(raw)
    for issue in issues:
        checker.tell(issue)
    names = frame[image_column(schema).name].to_list()
    first = {name: row for row, name in reversed(list(enumerate(names, 1))) if name}
    for done, (name, row) in enumerate(sorted(first.items(), key=lambda pair: pair[1]), 1):
        for issue in _faults(files, name, image_column(schema).name, row):
            checker.tell(issue)
        progress(done, done / len(first))
    return frame


def _faults(files: Files, name: str, column: str, row: int) -> list[Issue]:
    try:
        read_picture(files.read(name), name)
    except DataError as error:
        return [replace(issue, column=column, row=row) for issue in error.issues]
    return []
