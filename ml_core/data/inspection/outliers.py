"""Numbers that lie far from all others: slips of a unit or a decimal point, or rare truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_core.data.inspection.finding import N_EXAMPLES, Finding
from ml_core.data.inspection.sketch import ColumnSketch

if TYPE_CHECKING:
    from ml_core.data.inspection.finding import Severity
    from ml_core.data.schema import Column, Schema
    from ml_core.typing import FloatArray, Frame, IntArray

FAR = 8.0
KEPT = 5_000
_NORMAL = 1.4826  # makes the median deviation of a normal distribution its standard deviation
_MEAN_NORMAL = 1.2533
_FEW = 0.01


def robust_scale(values: FloatArray) -> tuple[float, float, float]:
    """Return the median, and how wide the values lie below and above it.

    Each side has its own median absolute deviation, since amounts are skewed. Where more than half
    of a side lies on the median itself the mean deviation stands in.

    Shapes: values (n,), n > 0.
    Source: Rosenmai, "Using the median absolute deviation to find outliers" (2013); Iglewicz and
    Hoaglin, "How to detect and handle outliers" (1993), ch. 3, whose limit of 3.5 is meant for
    values that are almost normal.
    """
    middle = float(np.median(values))
    away = values - middle
    return middle, _width(-away[away <= 0]), _width(away[away >= 0])


def _width(away: FloatArray) -> float:
    median = float(np.median(away))
    return median * _NORMAL if median > 0 else float(away.mean()) * _MEAN_NORMAL


class _Extremes:
    """The least and the greatest values so far, with their rows."""

    def __init__(self) -> None:
        self.values: FloatArray = np.empty(0)
        self.rows: IntArray = np.empty(0, np.int64)

    def add(self, values: FloatArray, rows: IntArray) -> None:
        values = np.concatenate([self.values, values])
        rows = np.concatenate([self.rows, rows])
        if values.size > 2 * KEPT:
            order = np.argpartition(values, [KEPT, values.size - KEPT - 1])
            ends = np.concatenate([order[:KEPT], order[-KEPT:]])
            values, rows = values[ends], rows[ends]
        self.values, self.rows = values, rows


class Outliers:
    """Numbers more than some robust deviations from the median of their column."""

    def __init__(self, schema: Schema, *, far: float = FAR) -> None:
        self._columns = [column for column in schema.columns if column.kind == "number"]
        self._far = far
        self._sketches: dict[str, ColumnSketch] = {}
        self._extremes: dict[str, _Extremes] = {}

    def add(self, frame: Frame, first_row: int) -> None:
        """Take in some rows."""
        for column in self._columns:
            if column.name not in frame.columns:
                continue
            values = frame[column.name]
            self._sketches.setdefault(column.name, ColumnSketch(column)).add(values)
            known = values.is_not_null().to_numpy()
            rows = np.flatnonzero(known) + first_row
            kept = self._extremes.setdefault(column.name, _Extremes())
            kept.add(values.drop_nulls().to_numpy(), rows.astype(np.int64))

    def findings(self) -> list[Finding]:
        """Tell the columns that have such values."""
        found = (self._of(column) for column in self._columns if column.name in self._sketches)
        return [one for one in found if one is not None]

    def _of(self, column: Column) -> Finding | None:
        sample = self._sketches[column.name].numbers()
        if not sample.size:
            return None
        middle, below, above = robust_scale(sample)
        extremes = self._extremes[column.name]
        low, high = middle - self._far * below, middle + self._far * above
        # A column with one value all over on a side has no width there: nothing is far.
        is_far = (extremes.values < low) & (below > 0) | (extremes.values > high) & (above > 0)
        if not is_far.any():
            return None
        n_far, is_exact = int(is_far.sum()), True
        if n_far >= KEPT and extremes.values.size >= 2 * KEPT:
            share = float(((sample < low) | (sample > high)).mean())
            known = self._sketches[column.name].n - self._sketches[column.name].n_empty
            n_far, is_exact = max(n_far, round(share * known)), sample.size >= known
        return self._tell(column, np.sort(extremes.rows[is_far]), n_far, is_exact=is_exact)

    def _tell(self, column: Column, rows: IntArray, n_far: int, *, is_exact: bool) -> Finding:
        sketch = self._sketches[column.name]
        share = n_far / max(1, sketch.n - sketch.n_empty)
        few = share < _FEW
        about = "" if is_exact else "about "
        message = (
            f"{column.name} should lie within {self._far:g} robust deviations of its median. Got "
            f"{about}{n_far:,} rows outside, {share:.2%} of those that have a value."
        )
        advice = (
            "Look at them: a slip of unit or decimal point is corrected at its source, a rare "
            "truth stays."
            if few
            else "So many are no slips: the column spreads over several sizes. Nothing to do."
        )
        severity: Severity = "warning" if few else "info"
        shown = tuple(int(row) for row in rows[:N_EXAMPLES])
        return Finding("outlier", severity, message, advice, column.name, n_far, shown)
