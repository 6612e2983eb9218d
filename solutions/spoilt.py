"""Inputs spoilt on purpose, for the checks that a solution refuses them in words."""

from __future__ import annotations

import shutil
import zipfile
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from ml_core.data.labels.read import has_pictures
from ml_core.errors import DataError
from solutions.tables import open_batch
from solutions.testing import ContractError, Trial, expect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ml_core.typing import Frame


def text(trial: Trial) -> Frame:
    """Return some rows of the demo as they would stand in a CSV of the schema's names."""
    return trial.frame.head(50).select(pl.all().cast(pl.String))


def read(trial: Trial, frame: Frame) -> Frame:
    """Read rows as a CSV, in an archive with the demo's files where rows speak of files."""
    schema = trial.solution.inputs()
    folder = trial.folder("input")
    try:
        path = folder / "input.csv"
        frame.write_csv(path)
        if has_pictures(schema):
            path = _packed(trial, path)
        with open_batch(path, schema) as batch:
            return batch.frame
    finally:
        shutil.rmtree(folder)


def _packed(trial: Trial, table: Path) -> Path:
    path = table.with_suffix(".zip")
    kinds = ("image", "audio")
    columns = [c.name for c in trial.solution.inputs().columns if c.kind in kinds]
    cells = chain.from_iterable(trial.frame[name].drop_nulls() for name in columns)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(table, table.name)
        for name in dict.fromkeys(cells):
            archive.writestr(name, trial.batch.media.read(name))
    return path


def expect_data_error(action: Callable[[], object], what: str, column: str | None = None) -> None:
    """Raise ContractError unless `action` raises a DataError, which names the column."""
    try:
        action()
    except DataError as error:
        names = {issue.column for issue in error.issues}
        expect(
            column is None or column in names,
            f"The error for {what} {column} must name the column. Got {names}.",
        )
        return
    message = f"There must be a DataError for {what} {column or ''}. Got none."
    raise ContractError(message)
