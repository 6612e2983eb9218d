"""What is kept of a column that passes by: a sample of its numbers, counts of its names."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml_core.seed import generator

if TYPE_CHECKING:
    from ml_core.data.schema import Column, Schema
    from ml_core.typing import Frame

SAMPLE = 200_000
MOST_NAMES = 1_000
COUNTED = ("flag", "category")


class RandomRows:
    """Keep rows by chance, each with the same one, and never more than a number of them.

    Every n-th row would be cheaper, and wrong for a table whose rows alternate.
    """

    def __init__(self, most: int = SAMPLE, *, purpose: str = "sample") -> None:
        self._most = most
        self._chance = 1.0
        self._rng = generator(0, purpose)
        self._parts: list[Frame] = []
        self._n_kept = 0

    def add(self, frame: Frame) -> None:
        """Take in some rows."""
        if self._chance < 1.0:
            frame = frame.filter(pl.Series(self._rng.random(frame.height) < self._chance))
        self._parts.append(frame)
        self._n_kept += frame.height
        while self._n_kept > self._most:
            whole = pl.concat(self._parts)
            whole = whole.filter(pl.Series(self._rng.random(whole.height) < 0.5))
            self._parts, self._n_kept = [whole], whole.height
            self._chance /= 2

    @property
    def is_all(self) -> bool:
        """Tell whether nothing was left out."""
        return self._chance == 1.0

    @property
    def chance(self) -> float:
        """Return with which chance a row was kept."""
        return self._chance

    def frame(self) -> Frame:
        """Return what was kept, in its order."""
        return pl.concat(self._parts) if self._parts else pl.DataFrame()


class ColumnSketch:
    """The distribution of one column, in memory that does not grow with it."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.n = self.n_empty = 0
        self.counts: Counter[str] = Counter()
        self.has_too_many = False
        self._sample = RandomRows(purpose=column.name)

    def add(self, values: pl.Series) -> None:
        """Take in some values."""
        known = values.drop_nulls()
        self.n += values.len()
        self.n_empty += values.len() - known.len()
        if self.column.kind == "number":
            self._sample.add(known.cast(pl.Float64).rename("x").to_frame())
        elif self.column.kind in COUNTED and not self.has_too_many:
            counted = known.cast(pl.String).value_counts()
            self.counts.update(
                dict(zip(counted[counted.columns[0]], counted["count"], strict=True))
            )
            self.has_too_many = len(self.counts) > MOST_NAMES

    def numbers(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the sampled numbers."""
        kept = self._sample.frame()
        return kept["x"].to_numpy() if kept.width else np.empty(0)


class Sketch:
    """The distributions of a table's columns, as one version is compared with another by."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.columns: dict[str, ColumnSketch] = {}

    def add(self, frame: Frame, first_row: int = 1) -> None:  # noqa: ARG002  the form of a check
        """Take in rows whose columns bear the schema's names."""
        for column in self._schema.columns:
            if column.name in frame.columns:
                sketch = self.columns.setdefault(column.name, ColumnSketch(column))
                sketch.add(frame[column.name])
