"""Part the good rows of a table from the bad ones, and keep both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from ml_core.data.casting import settle
from ml_core.data.convert import arrow_schema, numbered
from ml_core.data.csv_file import Ragged
from ml_core.data.read import chunks
from ml_core.data.validate import CLOCK_SLACK, Checked, Checker, read_column
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from io import RawIOBase

    from ml_core.data.preview import Sniffed
    from ml_core.data.schema import Column, Schema
    from ml_core.data.validate import Problem
    from ml_core.typing import BoolArray, Frame

    Hashes = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]

MOST_RAGGED = 100_000


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was put aside: its number in the file, why, and its mapped cells as they came.

    Where a row has too few or too many cells, its text stands in `text` instead.
    """

    row: int | None
    reason: str
    cells: tuple[object, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Sieved:
    """How many rows passed and how many did not, and the check of those that did."""

    n_good: int
    n_bad: int
    checked: Checked


class Sieve:
    """Tell good rows from bad ones, chunk by chunk, by the rules that a check applies.

    Of rows with the same unique value the first good one stays. 8 bytes a good row and unique
    column are remembered.
    """

    def __init__(self, schema: Schema, *, now: datetime | None = None) -> None:
        self._schema = schema
        self._latest = None if now is None else now.replace(tzinfo=None) + CLOCK_SLACK
        self._styles: dict[str, str] = {}
        self._seen: dict[str, Hashes] = {}

    def part(self, frame: Frame) -> tuple[Frame, pl.Series]:
        """Return the rows cast to their kinds, and why each is bad: empty text for a good one."""
        columns = [self._schema[name] for name in self._schema.names if name in frame.columns]
        read = [self._read(column, frame[column.name]) for column in columns]
        reasons = [_reason(column, p) for column, (_, found) in zip(columns, read, strict=True)
                   for p in found if p.rows.any()]  # fmt: skip
        clean = pl.DataFrame([values for values, _ in read])
        if reasons:
            why = pl.select(pl.concat_str(reasons, separator=" ", ignore_nulls=True)).to_series()
        else:
            why = pl.Series([""] * frame.height, dtype=pl.String)
        for column in columns:
            if column.unique:
                why = self._without_repeats(column.name, clean[column.name], why)
        return clean, why

    def _read(self, column: Column, raw: pl.Series) -> tuple[pl.Series, list[Problem]]:
        if column.name not in self._styles:
            self._styles[column.name] = settle(column.kind, raw)
        return read_column(column, raw, self._styles[column.name], latest=self._latest)

    def _without_repeats(self, name: str, values: pl.Series, why: pl.Series) -> pl.Series:
        hashes = values.hash(seed=23).to_numpy()
        seen = self._seen.setdefault(name, np.empty(0, np.uint64))
        # Only among good rows: a bad one gives its name free for the next.
        asked = np.flatnonzero(((why == "") & values.is_not_null()).to_numpy())
        values_here, first = np.unique(hashes[asked], return_index=True)
        fresh = ~_is_among(values_here, seen)
        # Two runs that are in order already are merged, not sorted.
        self._seen[name] = np.sort(np.concatenate([seen, values_here[fresh]]), kind="stable")
        again = np.zeros(hashes.size, bool)
        again[asked] = True
        again[asked[first[fresh]]] = False
        told = f"{name} must differ in each row, and is that of an earlier one."
        return why.set(pl.Series(again), told)


def _is_among(hashes: Hashes, known: Hashes) -> BoolArray:
    """Tell which hashes are among others that are in order."""
    if not known.size:
        return np.zeros(hashes.size, bool)
    places = np.searchsorted(known, hashes)
    found: BoolArray = known[np.minimum(places, known.size - 1)] == hashes
    return found


def _reason(column: Column, problem: Problem) -> pl.Series:
    told = f"{column.name} {problem.rule}"
    return pl.select(
        pl.when(problem.rows).then(pl.lit(told)).otherwise(pl.lit(None, pl.String))
    ).to_series()


def sieve(  # noqa: PLR0913  what comes in, what it means, and where each half goes
    stream: BinaryIO,
    sniffed: Sniffed,
    schema: Schema,
    mapping: Mapping[str, str],
    *,
    out: BinaryIO | RawIOBase,
    aside: Callable[[Iterable[BadRow]], None],
    now: datetime | None = None,
    progress: Callable[[int, float], None] = lambda _rows, _share: None,
) -> Sieved:
    """Write the good rows as Parquet into `out`, numbered anew from 1; hand the bad ones aside.

    Each row of the file is in one of the two. What passes is checked again as any upload is.

    Raises: DataError: if the file cannot be read, or no row is good.
    """
    chosen = {name: source for name, source in mapping.items() if source}
    checker, parter = Checker(schema, now=now), Sieve(schema, now=now)
    ragged = Ragged(MOST_RAGGED)
    target = arrow_schema(schema, chosen)
    n_good = n_bad = 0
    with pq.ParquetWriter(out, target, compression="zstd", compression_level=1) as writer:
        names = list(dict.fromkeys(chosen.values()))
        for chunk in chunks(stream, sniffed, names, ragged=ragged):
            raw = chunk.frame.select(pl.col(old).alias(new) for new, old in chosen.items())
            clean, why = parter.part(raw)
            good = why == ""
            passed = checker.add(clean.filter(good))
            writer.write_table(numbered(passed, n_good + 1).cast(target))
            aside(_bad_rows(raw, why, chunk.first_row, ragged))
            n_good, n_bad = n_good + passed.height, n_bad + int((~good).sum())
            progress(n_good + n_bad, chunk.share)
    aside(BadRow(row.number, row.reason, text=row.text) for row in ragged.rows)
    return Sieved(n_good, n_bad + len(ragged.rows), _passed(checker, n_good))


def _passed(checker: Checker, n_good: int) -> Checked:
    if not n_good:
        message = "A table must have good rows to keep. Got none. Correct the file at its source."
        raise DataError(Issue("no_good_rows", message))
    checked = checker.finish()
    if checked.errors:
        raise DataError(checked.errors[:100])
    return checked


def _bad_rows(raw: Frame, why: pl.Series, first_row: int, ragged: Ragged) -> Iterable[BadRow]:
    at = (why != "").arg_true()
    for place, cells in zip(at.to_list(), raw[at].iter_rows(), strict=True):
        yield BadRow(ragged.number_of(first_row + place), why[place], cells)
