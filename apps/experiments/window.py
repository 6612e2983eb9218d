"""The newest part of a table: all of it, the last days, or the last rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_core.data.schema import Schema
    from ml_core.typing import Frame

MOST = {"days": 36_500, "rows": 10**10}


def read_window(window: Mapping[str, Any], schema: Schema) -> dict[str, int]:
    """Return a window as it is kept: nothing, or one of `days` and `rows`.

    Raises: ConfigError: if it cannot be, or the data has no time to cut it by.
    """
    if not window:
        return {}
    [*names] = window
    of = names[0]
    size = window[of]
    if len(names) > 1 or of not in MOST or not isinstance(size, int) or not 1 <= size <= MOST[of]:
        message = (
            f"A window must be a number of days or of rows, from 1. Got {dict(window)!r}. "
            'Send {"days": 30}, {"rows": 10000}, or {} for all.'
        )
        raise ConfigError(message)
    if schema.role("time") is None:
        message = (
            "A window must be cut by time. This solution's data has no column of times. "
            "Leave it out, and train on all rows."
        )
        raise ConfigError(message)
    return {of: size}


def newest(frame: Frame, schema: Schema, window: Mapping[str, int]) -> Frame:
    """Return the rows of a window in the order of the file; the last day ends at the last row."""
    time = schema.role("time")
    if not window or time is None or frame.is_empty():
        return frame
    if "days" in window:
        end: Any = frame[time.name].max()
        return frame.filter(pl.col(time.name) > pl.lit(end - timedelta(days=window["days"])))
    rank = pl.col(time.name).rank("ordinal", descending=True)
    return frame.filter(rank <= window["rows"])
