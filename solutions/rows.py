"""Rows that came without a file, such as those of another server's request, as a checked batch."""

from __future__ import annotations

import base64
import binascii
import math
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from ml_core.data.complete import complete
from ml_core.data.gallery import faults_of
from ml_core.data.mapping import check_mapping, suggest
from ml_core.data.media import MemoryMedia
from ml_core.data.preview import ColumnPreview
from ml_core.data.validate import Checker
from ml_core.errors import DataError, Issue
from solutions.api import TableBatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_core.data.schema import Schema
    from ml_core.typing import Frame

MEDIA = frozenset({"image", "audio"})


def batch_of(schema: Schema, columns: Mapping[str, Sequence[Any]]) -> TableBatch:
    """Check values column by column as a file would be, and return them as a batch.

    Columns are found by name and alias. Those of pictures and sounds hold the files in base64.
    Raises: DataError: if a column is missing or a value breaks a rule.
    """
    texts = {name: [_text(value) for value in values] for name, values in columns.items()}
    frame, media = _apart(_named(schema, texts), schema)
    checker = Checker(schema)
    checked = checker.add(frame)
    for column in schema.columns:
        if column.kind in MEDIA and column.name in checked.columns:
            for name in checked[column.name].drop_nulls():
                for issue in faults_of(media, name, column.kind):
                    checker.tell(issue)
    if errors := checker.finish().errors:
        raise DataError(errors)
    return TableBatch(complete(checked, schema), media=media)


def _named(schema: Schema, texts: Mapping[str, list[str | None]]) -> Frame:
    """Give the columns the names of the schema; what belongs to none is left out."""
    # Without samples names alone decide, so that a bad value is told as one.
    seen = [ColumnPreview(name, "text") for name in texts]
    mapping = suggest(schema, seen)
    missing = [i for i in check_mapping(schema, seen, mapping) if i.severity == "error"]
    if missing:
        raise DataError(missing)
    chosen = {name: source for name, source in mapping.items() if source}
    return pl.DataFrame(
        {name: texts[source] for name, source in chosen.items()},
        schema=dict.fromkeys(chosen, pl.String()),
    )


def _apart(frame: Frame, schema: Schema) -> tuple[Frame, MemoryMedia]:
    """Take the files out of their cells and leave names there."""
    files: dict[str, bytes] = {}
    for column in schema.columns:
        if column.kind not in MEDIA or column.name not in frame.columns:
            continue
        names = []
        for row, text in enumerate(frame[column.name], 1):
            name = None if text is None else f"{column.name} of row {row}"
            if name is not None:
                files[name] = _bytes(text, column.name, row)
            names.append(name)
        frame = frame.with_columns(pl.Series(column.name, names, pl.String))
    return frame, MemoryMedia(files)


def _bytes(text: str, column: str, row: int) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        message = f"Column {column} must hold files in base64. Row {row} does not. Encode it."
        raise DataError(Issue("not-base64", message, column, row)) from error


def _text(value: Any) -> str | None:
    """Write a value as a CSV would hold it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, bool) or type(value).__name__ in {"bool_", "bool"}:
        return "1" if value else "0"
    if str(value) == "NaT":  # a time of pandas that is none
        return None
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
