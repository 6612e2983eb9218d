"""The features of every row of a table, or of any moments, as they were known then.

Each figure is a function of the rows in its window and of nothing else: sums are rounded once from
their exact value, whatever the order, and whatever was summed before. So a stretch of the table
gives the same bits as the whole, and so does one window at a time (`moment.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from kernels.rolling_windows import rolling_windows
from ml_core.features.moment import describe
from ml_core.features.rows import Arrays, arrays, clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_core.features.view import Aggregation, FeatureView
    from ml_core.typing import BoolArray, FloatArray, Frame, IntArray

# The compiled twin has the first ones; "min" is the largest of the negated values.
_COMPILED = ("count", "sum", "mean", "max")
# A quarter of the room for which the twin promises exact totals (cpu.py: _measure).
_ROOM = 2.0**50


def compute(view: FeatureView, frame: Frame) -> Frame:
    """Return the features of each row at its own moment, in the order of time.

    Shapes: frame (n, _) -> (m, entity, time, key + features), m <= n: as `rows.clean` keeps them.
    O(n log n) for counts, sums, means and extremes; "std" reads each window as a whole.

    Raises: DataError: if the rows cannot be used.
    """
    rows = clean(view, frame)
    return _named(view, rows, features_of(view, arrays(view, rows)))


def as_of(view: FeatureView, history: Frame, moments: Frame) -> Frame:
    """Return the features at moments that need not be those of rows, as known from a history.

    `moments` has the columns `view.entity` and `view.time`; the result keeps their order.

    Shapes: history (n, _), moments (m, _) -> (m, entity, time + features).
    Raises: DataError: if the history or the moments cannot be used.
    """
    known = clean(view, history)
    asked = moments.select(
        pl.col(view.entity).cast(pl.String), pl.col(view.time).cast(known.schema[view.time])
    )
    both = pl.concat([known, asked], how="diagonal")
    table = features_of(view, arrays(view, both), n_rows=known.height)
    return _named(view, asked, table[known.height :])


def features_of(view: FeatureView, rows: Arrays, n_rows: int | None = None) -> FloatArray:
    """Return the features of each row; with `n_rows` those behind it are moments, not rows.

    Shapes: rows (n,) -> (n, len(view.features)); NaN where a window has no value.
    """
    out = np.empty((len(rows.time), len(view.features)), np.float64)
    counted = np.zeros(len(rows.time))
    counted[len(rows.time) if n_rows is None else n_rows :] = np.nan
    place = 0
    for one in view.aggregations:
        name = one.column
        values = counted if name is None else rows.values[:, view.values.index(name)]
        width = len(one.features)
        out[:, place : place + width] = _aggregate(one, rows, np.ascontiguousarray(values))
        place += width
    return out


def _aggregate(one: Aggregation, rows: Arrays, values: FloatArray) -> FloatArray:
    """Let the kernel do what it does exactly, and take the rest window by window."""
    shape = (len(values), len(one.windows), len(one.statistics))
    out = np.empty(shape, np.float64)
    for place, statistic in enumerate(one.statistics):
        if statistic == "min":
            out[..., place] = -_kernel(one, rows, -values, ["max"])[..., 0] + 0.0
    compiled = [name for name in one.statistics if name in _COMPILED]
    if compiled:
        places = [one.statistics.index(name) for name in one.statistics if name in _COMPILED]
        out[..., places] = _kernel(one, rows, values, compiled)
    again = _not_exact(one, rows.entity, values)
    if again.any():
        _fill_by_definition(one, rows, values, again, out)
    return out.reshape(len(values), len(one.features))


def _kernel(
    one: Aggregation, rows: Arrays, values: FloatArray, statistics: Sequence[str]
) -> FloatArray:
    # On the CPU, whose totals can be exact; the twin for CUDA sums in another order.
    return rolling_windows(
        rows.entity,
        rows.time,
        values,
        one.windows,
        delay=one.delay,
        statistics=statistics,
        device="cpu",
    )


def _not_exact(one: Aggregation, entity: IntArray, values: FloatArray) -> BoolArray:
    """Tell for which rows the kernel may round more than once.

    It sums exactly what spans fewer than 52 bits: n values of an entity whose total is below
    2**52 / n of the smallest. Amounts of money do; what does not is summed window by window.
    """
    if "std" in one.statistics:
        return np.ones(len(values), np.bool_)
    if not {"sum", "mean"} & set(one.statistics):
        return np.zeros(len(values), np.bool_)
    size = np.nan_to_num(np.abs(values))
    table = pl.DataFrame({"entity": entity, "size": size})
    positive = pl.col("size").filter(pl.col("size") > 0)
    spans = pl.col("size").sum() * pl.len() < positive.min().fill_null(np.inf) * _ROOM
    found: BoolArray = (~table.select(spans.over("entity")).to_series()).to_numpy()
    return found


def _fill_by_definition(
    one: Aggregation, rows: Arrays, values: FloatArray, where: BoolArray, out: FloatArray
) -> None:
    """Fill rows of `out` by summing each window as a whole. O(rows in all windows)."""
    order = np.lexsort((rows.time, rows.entity))
    edges = np.flatnonzero(np.diff(rows.entity[order], prepend=np.iinfo(np.int64).min))
    for group in np.split(order, edges[1:]):
        asked = group[where[group]]
        if not len(asked):
            continue
        time, own = rows.time[group], values[group].tolist()
        newest = rows.time[asked] - one.delay
        stops = np.searchsorted(time, newest, side="right").tolist()
        for place, window in enumerate(one.windows):
            starts = np.searchsorted(time, newest - window, side="right").tolist()
            for row, start, stop in zip(asked.tolist(), starts, stops, strict=True):
                out[row, place] = describe(own[start:stop], one.statistics)


def _named(view: FeatureView, rows: Frame, table: FloatArray) -> Frame:
    names = [name for name in (view.entity, view.time, view.key) if name in rows.columns]
    columns = {name: table[:, place] for place, name in enumerate(view.features)}
    # A window without a value is missing, which a file and JSON can tell, and NaN is not.
    found = pl.DataFrame(columns, schema=dict.fromkeys(view.features, pl.Float64)).fill_nan(None)
    return pl.concat([rows.select(names), found], how="horizontal")
