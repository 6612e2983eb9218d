"""Tables from disk to a solution and back, checked and named as the product would."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from ml_core.data.archive import open_archive
from ml_core.data.complete import complete
from ml_core.data.convert import convert
from ml_core.data.gallery import check_gallery
from ml_core.data.labels.read import has_pictures
from ml_core.data.mapping import check_mapping, suggest
from ml_core.data.media import FolderMedia, ZipMedia
from ml_core.data.read import sniff
from ml_core.data.validate import Checker
from ml_core.errors import ConfigError, DataError, Issue
from solutions.api import TableBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ml_core.data.labels.read import Files
    from ml_core.data.schema import Schema
    from ml_core.typing import Frame
    from solutions.registry import AnySolution

ENDINGS = (".parquet", ".pq", ".csv", ".tsv", ".txt")


def read_table(
    path: Path,
    schema: Schema,
    progress: Callable[[int, float], None] = lambda _rows, _share: None,
) -> Frame:
    """Read a CSV or Parquet file, or all such files of a folder by name, as one table.

    Columns are found by name and alias. The result has the schema's columns in its order; those
    that are optional and were not given are empty.
    Raises: DataError: if a file cannot be read, a column is missing, or a value breaks a rule.
    """
    checker = Checker(schema)
    parts = [_read_one(file, schema, checker, progress) for file in _files(path)]
    errors = checker.finish().errors
    if errors:
        raise DataError(errors)
    return complete(pl.concat(parts, how="diagonal"), schema)


@contextmanager
def open_batch(
    path: Path,
    schema: Schema,
    progress: Callable[[int, float], None] = lambda _rows, _share: None,
) -> Iterator[TableBatch]:
    """Read what lies at `path` as a batch: a table, or a ZIP or folder with pictures.

    Raises: DataError: as `read_table`, and if a picture or a box cannot be used.
    """
    if not has_pictures(schema):
        yield TableBatch(read_table(path, schema, progress))
    elif path.is_dir():
        media = FolderMedia(path)
        yield TableBatch(table_of(media, schema), media=media)
    else:
        with path.open("rb") as stream, open_archive(stream) as archive:
            packed = ZipMedia(archive)
            yield TableBatch(table_of(packed, schema), media=packed)


def table_of(files: Files, schema: Schema) -> Frame:
    """Return the checked table of an archive. Raises: DataError: naming what is wrong."""
    checker = Checker(schema)
    frame = check_gallery(files, schema, checker)
    if errors := checker.finish().errors:
        raise DataError(errors)
    return complete(frame, schema)


def check_rules(solution: AnySolution, batch: TableBatch) -> None:
    """Apply the solution's own rules. Raises: DataError: with the rows that break one."""
    errors = [i for i in solution.validate(batch) if i.severity == "error"]
    if errors:
        raise DataError(errors)


def write_table(frame: Frame, path: Path) -> None:
    """Write by the ending of the name: Parquet, CSV or JSON (one object a row)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Callable[[Path], object]] = {
        ".parquet": frame.write_parquet,
        ".pq": frame.write_parquet,
        ".csv": lambda to: _safe_for_sheets(frame).write_csv(to),
        ".json": frame.write_json,
    }
    check_ending(path)
    writers[path.suffix.lower()](path)


def check_ending(path: Path) -> None:
    """Refuse a name that `write_table` could not write to, before the work is done."""
    if path.suffix.lower() not in {".parquet", ".pq", ".csv", ".json"}:
        message = (
            "The name of a result must end in .parquet, .csv or .json. "
            f"Got {path.name!r}. Change the ending."
        )
        raise ConfigError(message)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(file for file in path.glob("*") if file.suffix.lower() in ENDINGS)
    if not found:
        message = (
            f"Data must be a CSV or Parquet file, or a folder of such files. Got {str(path)!r}, "
            "which holds none. Check the path."
        )
        raise DataError(Issue("no_file", message))
    return found


def _read_one(
    path: Path, schema: Schema, checker: Checker, progress: Callable[[int, float], None]
) -> Frame:
    with path.open("rb") as stream:
        sniffed = sniff(stream, path.name)
        mapping = suggest(schema, sniffed.columns)
        issues = [
            i for i in check_mapping(schema, sniffed.columns, mapping) if i.severity == "error"
        ]
        if issues:
            raise DataError(issues)
        out = io.BytesIO()
        convert(stream, sniffed, schema, mapping, checker=checker, out=out, progress=progress)
    out.seek(0)
    return pl.read_parquet(out)


def safe_text(cell: object) -> object:
    """Return a cell that no spreadsheet runs as a formula."""
    risky = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{cell}" if risky else cell


def _safe_for_sheets(frame: Frame) -> Frame:
    """Put an apostrophe before text that a spreadsheet would run as a formula."""
    text = pl.selectors.string()
    risky = text.str.contains(r"^[=+\-@\t\r]")
    return frame.with_columns(pl.when(risky).then("'" + text).otherwise(text).name.keep())
