"""Rows as a view reads them: clean, each event once, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from ml_core.features.view import FeatureView
    from ml_core.typing import FloatArray, Frame, IntArray

# The kernel of the windows takes no larger magnitude, so that squares stay finite.
LARGEST = 1e150
TIME = pl.Datetime("us")


@dataclass(frozen=True, slots=True)
class Arrays:
    """Columns of n rows: codes of entities, microseconds, values (n, columns)."""

    entity: IntArray
    time: IntArray
    values: FloatArray


def clean(view: FeatureView, frame: Frame) -> Frame:
    """Return the columns of a view, typed; an event that comes twice counts as it came last.

    Rows without entity or time are left out: they are nobody's past. Rows are in the order of
    time; those of one moment stay as they came.

    Raises: DataError: if a column is missing, or a value is infinite or beyond all bounds.
    """
    missing = [name for name in view.columns if name not in frame.columns]
    if missing:
        raise DataError(
            Issue(
                "missing-column",
                f"Columns {', '.join(missing)} must be there for the view {view.name}. "
                "Got none. Add them.",
            )
        )
    rows = frame.select(
        pl.col(view.entity).cast(pl.String),
        pl.col(view.time).cast(TIME),
        *([pl.col(view.key).cast(pl.String)] if view.key else []),
        # Adding zero makes one zero of both: a sum must not show which one came.
        *(pl.col(name).cast(pl.Float64).fill_nan(None) + 0.0 for name in view.values),
    ).drop_nulls([view.entity, view.time])
    for name in view.values:
        _check_size(rows[name])
    if view.key:
        last = rows.filter(pl.col(view.key).is_not_null()).unique(
            [view.key], keep="last", maintain_order=True
        )
        rows = pl.concat([rows.filter(pl.col(view.key).is_null()), last])
    return rows.sort(view.time, maintain_order=True)


def arrays(view: FeatureView, rows: Frame) -> Arrays:
    """Return clean rows as arrays; a missing value is NaN.

    Shapes: rows (n, _) -> entity (n,), time (n,), values (n, len(view.values)).
    """
    values = np.empty((rows.height, len(view.values)), np.float64)
    for place, name in enumerate(view.values):
        values[:, place] = rows[name].fill_null(np.nan).to_numpy()
    return Arrays(codes(rows[view.entity]), times(rows[view.time]), values)


def times(column: pl.Series) -> IntArray:
    """Return moments as whole microseconds. Shapes: (n,) -> (n,)."""
    found: IntArray = np.ascontiguousarray(column.cast(TIME).to_physical().to_numpy(), np.int64)
    return found


def codes(column: pl.Series) -> IntArray:
    """Number the distinct values; equal ones get equal numbers. Shapes: (n,) -> (n,)."""
    numbered = column.cast(pl.Categorical).to_physical()
    found: IntArray = np.ascontiguousarray(numbered.to_numpy(), np.int64)
    return found


def _check_size(column: pl.Series) -> None:
    most = column.abs().max()
    if isinstance(most, float) and not most <= LARGEST:
        message = (
            f"Column {column.name} must be finite and at most {LARGEST:g} in size. Got a larger "
            "value. Correct it, or leave it empty."
        )
        raise DataError(Issue("too-large", message, column.name))
