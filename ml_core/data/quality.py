"""Describe a table while it passes by: gaps, ranges, distributions, rows a day, labels."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_core.data.schema import Column, Schema
    from ml_core.typing import FloatArray, Frame

SKETCH = 65_536
SAMPLE = 200_000
N_BINS = 30
N_TOP = 10
MAX_DAYS = 4_000
MAX_CATEGORIES = 10_000


class Distinct:
    """Count different values in fixed memory: exact up to 65,536, else within about 1%.

    Keeps the smallest hashes: if the k-th smallest of them lies at the fraction f of the range
    of hashes, about (k - 1) / f values were seen.
    Source: Bar-Yossef et al., "Counting distinct elements in a data stream" (RANDOM 2002).
    """

    def __init__(self) -> None:
        self._smallest = np.empty(0, dtype=np.uint64)

    def add(self, values: pl.Series) -> None:
        """Take in some values; empty ones do not count."""
        hashes = values.drop_nulls().hash(seed=1)
        if self.is_full:
            hashes = hashes.filter(hashes < int(self._smallest[-1]))
        fresh = hashes.unique().sort().head(SKETCH).to_numpy()
        if fresh.size:
            merged = np.sort(np.concatenate([self._smallest, fresh]), kind="stable")
            is_new = np.append([True], merged[1:] != merged[:-1])
            self._smallest = merged[is_new][:SKETCH]

    @property
    def is_full(self) -> bool:
        """Tell whether the count is an estimate."""
        return self._smallest.size == SKETCH

    def count(self) -> int:
        """Return how many different values there were."""
        if not self.is_full:
            return int(self._smallest.size)
        return round((SKETCH - 1) / (float(self._smallest[-1]) / 2.0**64))


class _Sample:
    """Keep every n-th number, with n doubled whenever there are too many."""

    def __init__(self) -> None:
        self._kept: list[FloatArray] = []
        self._stride = 1
        self._seen = 0

    def add(self, values: FloatArray) -> None:
        start = -self._seen % self._stride
        self._kept.append(values[start :: self._stride])
        self._seen += values.size
        if sum(part.size for part in self._kept) > SAMPLE:
            self._kept = [np.concatenate(self._kept)[::2]]
            self._stride *= 2

    def histogram(self) -> dict[str, Any] | None:
        """Count within equal bins between the 0.5th and the 99.5th percentile."""
        values = np.concatenate(self._kept) if self._kept else np.empty(0)
        if values.size == 0:
            return None
        low, high = np.quantile(values, [0.005, 0.995])
        # Bins narrower than the steps between such numbers could not be told apart.
        least = 2 * N_BINS * float(np.spacing(max(abs(low), abs(high))))
        if high - low <= least:
            low, high = low - max(0.5, least), high + max(0.5, least)
        if not math.isfinite(high - low):
            return None
        counts, edges = np.histogram(values, bins=N_BINS, range=(low, high))
        return {
            "edges": [float(edge) for edge in edges],
            "counts": [int(count) for count in counts],
            "outside": int(values.size - counts.sum()),
            "sampled": self._stride > 1,
            "n": int(values.size),
        }


class _Column:
    """What is known of one column so far."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.nulls = 0
        self._n = 0
        self._distinct = Distinct()
        self._sample = _Sample()
        self._sum = 0.0
        self._low: Any = None
        self._high: Any = None
        self._counts: Counter[Any] = Counter()
        self._days: Counter[Any] = Counter()

    def add(self, values: pl.Series) -> None:
        known = values.drop_nulls()
        self.nulls += values.len() - known.len()
        self._n += known.len()
        if known.is_empty():
            return
        kind = self.column.kind
        if kind in ("id", "category", "text"):
            self._distinct.add(known)
        if kind == "number":
            self._sum += float(known.sum())
            self._sample.add(known.to_numpy())
        if kind in ("number", "time"):
            self._widen(known)
        if kind == "boxes":
            self._count((known != "[]").cast(pl.Int8), self._counts)
        if kind in ("flag", "category") and len(self._counts) < MAX_CATEGORIES:
            self._count(known, self._counts)
        if kind == "time" and len(self._days) < MAX_DAYS:
            self._count(known.dt.date(), self._days)

    def _widen(self, known: pl.Series) -> None:
        low, high = known.min(), known.max()
        self._low = low if self._low is None else min(self._low, low)
        self._high = high if self._high is None else max(self._high, high)

    @staticmethod
    def _count(known: pl.Series, into: Counter[Any]) -> None:
        counted = known.value_counts()
        into.update(dict(zip(counted.to_series(0), counted.to_series(1), strict=True)))

    def tell(self) -> dict[str, Any]:
        column = self.column
        told: dict[str, Any] = {
            "name": column.name,
            "title": column.title,
            "kind": column.kind,
            "unit": column.unit,
            "nulls": self.nulls,
        }
        if column.kind in ("id", "category", "text"):
            told["distinct"] = self._distinct.count()
            told["distinct_exact"] = not self._distinct.is_full
        if column.kind in ("number", "time"):
            told |= {"min": _plain(self._low), "max": _plain(self._high)}
        if column.kind == "number":
            told["mean"] = self._sum / self._n if self._n and math.isfinite(self._sum) else None
            told["histogram"] = self._sample.histogram()
        if column.kind in ("flag", "category") and not column.personal:
            told["top"] = [[str(value), n] for value, n in self._counts.most_common(N_TOP)]
        return told

    def per_day(self) -> dict[str, list[Any]] | None:
        if not self._days:
            return None
        days = sorted(self._days)
        return {"x": [day.isoformat() for day in days], "y": [self._days[day] for day in days]}

    def label(self) -> dict[str, Any]:
        """Count the labels, and the positives where a label says yes or no."""
        told = {"column": self.column.name, "known": self._n, "positive": None, "share": None}
        if self.column.kind in ("flag", "boxes"):
            positive = self._counts.get(1, 0)
            told |= {"positive": positive, "share": positive / self._n if self._n else None}
        return told


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


class Profile:
    """The quality of a table, gathered chunk by chunk in memory that does not grow with it."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._columns: dict[str, _Column] = {}
        self._n_rows = 0
        self._n_tied = 0
        self._is_sorted = True
        self._last: datetime | None = None

    def add(self, frame: Frame) -> None:
        """Take in rows whose columns have been cast to the kinds of the schema."""
        self._n_rows += frame.height
        for name in frame.columns:
            column = self._columns.setdefault(name, _Column(self._schema[name]))
            column.add(frame[name])
        time = self._schema.role("time")
        if time is not None and time.name in frame.columns:
            self._follow(frame[time.name].drop_nulls())

    def _follow(self, times: pl.Series) -> None:
        if times.is_empty():
            return
        self._n_tied += times.len() - times.n_unique()
        if self._last is not None:
            self._n_tied += int(times[0] == self._last)
            self._is_sorted &= times[0] >= self._last
        self._is_sorted &= times.is_sorted()
        self._last = times[-1]

    @property
    def n_tied(self) -> int:
        """Return how many rows have the time of a row before them (at least, if unsorted)."""
        return self._n_tied

    @property
    def is_sorted(self) -> bool:
        """Tell whether the rows came in the order of their time."""
        return self._is_sorted

    def tell(self) -> Mapping[str, Any]:
        """Return all of it as plain data."""
        told: dict[str, Any] = {
            "n_rows": self._n_rows,
            "columns": [
                self._columns[name].tell() for name in self._schema.names if name in self._columns
            ],
        }
        time, label = self._schema.role("time"), self._schema.role("label")
        if time is not None and time.name in self._columns:
            column = self._columns[time.name]
            told["time"] = {
                "min": column.tell()["min"],
                "max": column.tell()["max"],
                "tied": self._n_tied,
                "sorted": self._is_sorted,
                "per_day": column.per_day(),
            }
        if label is not None and label.name in self._columns:
            told["label"] = self._columns[label.name].label()
        return told
