"""A row as somebody sent it, checked like a row of a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from ml_core.data.complete import complete
from ml_core.data.gallery import faults_of
from ml_core.data.media import MemoryMedia
from ml_core.data.validate import Checker
from ml_core.errors import DataError, Issue
from solutions.api import TableBatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_core.data.schema import Schema
    from solutions.api import Solution


def batch_of(solution: Solution[Any], row: Any, files: Mapping[str, bytes]) -> TableBatch:
    """Return a batch of one row with its files. Raises: DataError: if it breaks a rule."""
    schema = solution.inputs()
    batch = TableBatch(frame_of(row, schema), media=MemoryMedia(files))
    if errors := [issue for issue in solution.validate(batch) if issue.severity == "error"]:
        raise DataError(errors)
    _require_sounds(batch, schema)
    return batch


def frame_of(row: Any, schema: Schema) -> pl.DataFrame:
    """Return a checked frame of one row; labels may be left out.

    Raises: DataError: naming the column that breaks a rule.
    """
    known = {name: row[name] for name in schema.names if row.get(name) is not None}
    label = schema.role("label")
    missing = [
        c for c in schema.required if c.name not in known and c is not label and not c.nullable
    ]
    if missing:
        raise DataError([_missing(column.name) for column in missing])
    checker = Checker(schema)
    texts = {name: [str(value)] for name, value in known.items()}
    frame = checker.add(pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String)))
    if errors := checker.finish().errors:
        raise DataError(errors)
    return complete(frame, schema)


def _require_sounds(batch: TableBatch, schema: Schema) -> None:
    """Refuse a sound that cannot be heard, also where the model would not listen to it.

    Pictures need no such look: each model that takes one decodes it.
    Raises: DataError: naming its column.
    """
    row = batch.targets.row(0, named=True)
    sounds = [c.name for c in schema.columns if c.kind == "audio" and row.get(c.name)]
    issues = [
        replace(issue, column=name)
        for name in sounds
        for issue in faults_of(batch.media, row[name], "audio")
    ]
    if issues:
        raise DataError(issues)


def _missing(name: str) -> Issue:
    message = f"Column {name} must be given. Got nothing. Add it."
    return Issue("missing_column", message, column=name)
