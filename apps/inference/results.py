"""The rows of a result: pages of an encrypted Parquet file, sorted and filtered on the server.

The file is sorted by rank and cut into row groups, so a page in that order reads one of them.
Any other order or filter reads the columns it needs, which a small cache of this process keeps.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from apps.datasets import storage
from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apps.inference.models import Prediction
    from ml_core.typing import Frame, IntArray

ROW_GROUP = 50_000
MOST_BYTES_HELD = 320 * 2**20
WORTH_WARMING = 200_000  # fewer rows are decoded in no time
CORE = ("rank", "row", "score", "label", "confidence", "alert")


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows, in which order. Nothing chosen means all rows by rank."""

    sort: str = "rank"
    descending: bool = False
    min_score: float | None = None
    alert_only: bool = False
    text: str = ""
    time_from: datetime | None = None
    time_to: datetime | None = None
    amount_min: float | None = None
    amount_max: float | None = None

    @property
    def is_plain(self) -> bool:
        """Say whether this is the order of the file, with nothing left out."""
        return self == Query(sort="rank", descending=self.descending)


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of rows, and how many there are in all."""

    frame: Frame
    total: int


class _Cache:
    """Columns and orders that were decoded lately, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._held: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> Any:
        with self._lock:
            if key not in self._held:
                return None
            self._held.move_to_end(key)
            return self._held[key][0]

    def put(self, key: Any, value: Any, size: int) -> None:
        with self._lock:
            if key in self._held:
                return
            self._held[key] = (value, size)
            self._bytes += size
            while self._bytes > self._most and len(self._held) > 1:
                _, (_, dropped) = self._held.popitem(last=False)
                self._bytes -= dropped

    def clear(self) -> None:
        with self._lock:
            self._held.clear()
            self._bytes = 0


_cache = _Cache(MOST_BYTES_HELD)


class ResultTable:
    """The rows of one prediction."""

    def __init__(self, prediction: Prediction) -> None:
        self._blob = prediction.result_blob
        self.n_rows = prediction.n_rows
        self._inputs = prediction.columns

    @property
    def names(self) -> list[str]:
        """Names of all columns, in the order of the file."""
        held = _cache.get((self._blob, "names"))
        if held is None:
            with self._open() as file:
                held = list(file.schema_arrow.names)
            _cache.put((self._blob, "names"), held, 1000)
        return list(held)

    def page(self, query: Query, start: int, size: int) -> Rows:
        """Return rows `start` to `start + size` of those that a query asks for."""
        if query.is_plain:
            return Rows(self._by_rank(start, size, descending=query.descending), self.n_rows)
        self.columns(self.names)  # all at once: each read decrypts the file anew
        places = self._places(query)
        return Rows(self._at(places[start : start + size]), len(places))

    def warm(self) -> None:
        """Decode all columns aside, so that the first sort or filter need not wait for it."""
        if self.n_rows >= WORTH_WARMING:
            threading.Thread(target=self._warm, name="warm-result", daemon=True).start()

    def row(self, row: int) -> dict[str, Any] | None:
        """Return the row of the input file with this number, or None."""
        places = np.flatnonzero(self.columns(["row"])["row"].to_numpy() == row)
        return self.at_rank(int(places[0]) + 1) if len(places) else None

    def at_rank(self, rank: int) -> dict[str, Any] | None:
        """Return the row at a place of the ranking, counted from 1, or None."""
        if not 1 <= rank <= self.n_rows:
            return None
        return self._by_rank(rank - 1, 1, descending=False).row(0, named=True)

    def columns(self, names: Sequence[str]) -> Frame:
        """Return whole columns, decoded at most once while the cache holds them."""
        held = {name: _cache.get((self._blob, name)) for name in names}
        missing = [name for name, column in held.items() if column is None]
        if missing:
            for column in self._decode(missing):
                _cache.put((self._blob, column.name), column, int(column.estimated_size()))
                held[column.name] = column
        return pl.DataFrame([held[name] for name in names])

    def _warm(self) -> None:
        # The result may be gone by now, and whoever asks for it next is told so.
        with suppress(OSError):
            self.columns(self.names)

    def _by_rank(self, start: int, size: int, *, descending: bool) -> Frame:
        stop = min(self.n_rows, start + size)
        if descending:
            start, stop = max(0, self.n_rows - stop), max(0, self.n_rows - start)
        if start >= stop:
            return self._groups(0, 0).clear()
        first, last = start // ROW_GROUP, (stop - 1) // ROW_GROUP
        frame = self._groups(first, last).slice(start - first * ROW_GROUP, stop - start)
        return frame.reverse() if descending else frame

    def _groups(self, first: int, last: int) -> Frame:
        frames: list[Frame] = []
        for index in range(first, last + 1):
            frame = _cache.get((self._blob, index))
            if frame is None:
                with self._open() as file:
                    frame = _to_polars(file.read_row_group(index))
                _cache.put((self._blob, index), frame, int(frame.estimated_size()))
            frames.append(frame)
        return pl.concat(frames)

    def _at(self, places: IntArray) -> Frame:
        return self.columns(self.names)[places]

    def _places(self, query: Query) -> IntArray:
        held: IntArray | None = _cache.get((self._blob, query))
        if held is None:
            held = self._find(query)
            _cache.put((self._blob, query), held, held.nbytes)
        return held

    def _find(self, query: Query) -> IntArray:
        if query.sort not in self.names:
            message = (
                f"sort must be a column of the result. Got {query.sort!r}. "
                f"Use one of {', '.join(self.names)}."
            )
            raise ConfigError(message)
        order = self._order(query.sort, descending=query.descending)
        keep = self._mask(query)
        return order if keep is None else order[keep.to_numpy()[order]]

    def _order(self, name: str, *, descending: bool) -> IntArray:
        """Return places in the order of a column; ties stay in the order of rank."""
        key = (self._blob, "order", name, descending)
        held: IntArray | None = _cache.get(key)
        if held is None:
            held = self._sorted(name, descending=descending)
            _cache.put(key, held, held.nbytes)
        return held

    def _sorted(self, name: str, *, descending: bool) -> IntArray:
        if name == "rank":
            ranks = np.arange(self.n_rows, dtype=np.int64)
            return ranks[::-1] if descending else ranks
        column = sortable(self.columns([name])[name])
        return column.arg_sort(descending=descending, nulls_last=True).to_numpy()

    def _mask(self, query: Query) -> pl.Series | None:
        conditions = self._conditions(query)
        if not conditions:
            return None
        needed = sorted({name for _, names in conditions for name in names})
        condition = pl.all_horizontal([one for one, _ in conditions]).fill_null(value=False)
        return self.columns(needed).select(condition.alias("keep"))["keep"]

    def _conditions(self, query: Query) -> list[tuple[pl.Expr, list[str]]]:
        found: list[tuple[pl.Expr, list[str]]] = []
        if query.min_score is not None:
            found.append((pl.col("score") >= query.min_score, ["score"]))
        if query.alert_only:
            found.append((pl.col("alert"), ["alert"]))
        ids = self._inputs_of("id")
        if query.text and ids:
            words = query.text.strip()
            hits = [pl.col(name).str.contains(words, literal=True) for name in ids]
            found.append((pl.any_horizontal(hits), ids))
        return found + self._ranges(query)

    def _ranges(self, query: Query) -> list[tuple[pl.Expr, list[str]]]:
        found: list[tuple[pl.Expr, list[str]]] = []
        for name in self._inputs_of("time")[:1]:
            if query.time_from is not None:
                found.append((pl.col(name) >= pl.lit(query.time_from), [name]))
            if query.time_to is not None:
                # The last minute that was chosen is meant whole.
                end = query.time_to + timedelta(minutes=1)
                found.append((pl.col(name) < pl.lit(end), [name]))
        for name in self._inputs_of("number")[:1]:
            if query.amount_min is not None:
                found.append((pl.col(name) >= query.amount_min, [name]))
            if query.amount_max is not None:
                found.append((pl.col(name) <= query.amount_max, [name]))
        return found

    def _inputs_of(self, kind: str) -> list[str]:
        return [c["name"] for c in self._inputs if c["kind"] == kind and c["name"] in self.names]

    def _decode(self, names: list[str]) -> Frame:
        with storage.open_blob(self._blob) as file:
            return pl.read_parquet(file.read(), columns=names).select(names)

    def _open(self) -> pq.ParquetFile:
        return _ClosingParquetFile(storage.open_blob(self._blob))


class _ClosingParquetFile(pq.ParquetFile):  # type: ignore[misc]  # pyarrow has no types
    """A Parquet file that closes the stream beneath it."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._stream = stream

    def __exit__(self, *_: object) -> None:
        super().close(force=True)
        self._stream.close()


def sortable(column: pl.Series) -> pl.Series:
    """Return a column that sorts as people expect, and fast: text of digits as numbers."""
    if column.dtype != pl.String:
        return column
    numbers = column.cast(pl.Int64, strict=False)
    if numbers.null_count() == column.null_count():
        return numbers
    # Few different texts over many rows: ranks of the texts sort ten times faster than they do.
    ordered = column.unique().drop_nulls().sort()
    if len(ordered) > column.len() // 4:
        return column
    ranks = pl.Series(range(len(ordered)), dtype=pl.UInt32)
    return column.replace_strict(ordered, ranks, default=None, return_dtype=pl.UInt32)


def _to_polars(table: Any) -> Frame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101  a table is never a series
    return frame
