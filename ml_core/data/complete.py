"""Frames with all the columns of a schema, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from ml_core.data.schema import Column, Schema
    from ml_core.typing import Frame

_TYPES: dict[str, Any] = {"number": pl.Float64(), "time": pl.Datetime("us"), "flag": pl.Int8()}


def complete(frame: Frame, schema: Schema) -> Frame:
    """Return the columns of a schema in its order; those that were not given are empty."""
    return frame.select(
        pl.col(column.name)
        if column.name in frame.columns
        else pl.lit(None, dtype=type_of(column)).alias(column.name)
        for column in schema.columns
    )


def type_of(column: Column) -> Any:
    """Return the type that a column has in a frame."""
    return _TYPES.get(column.kind, pl.String())
