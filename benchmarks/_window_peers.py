"""The same windows by the libraries a user would pick, each from the same three columns.

A peer takes entity, time (microseconds, in order), values, windows in days and a delay in days, and
returns count and mean (rows, windows, 2) in the order of the rows it was given. Each is written the
way that was fastest here; a mean over no rows is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    Peer = Callable[[IntArray, IntArray, FloatArray, Sequence[int], int], FloatArray]

DAY = 86_400_000_000


def assay(
    entity: IntArray, time: IntArray, values: FloatArray, windows: Sequence[int], delay: int
) -> FloatArray:
    from kernels.rolling_windows import rolling_windows  # noqa: PLC0415

    return rolling_windows(
        entity,
        time,
        values,
        [days * DAY for days in windows],
        delay=delay * DAY,
        statistics=("count", "mean"),
        device="cpu",
    )


def pandas_groupby_rolling(
    entity: IntArray, time: IntArray, values: FloatArray, windows: Sequence[int], delay: int
) -> FloatArray:
    index = pd.DatetimeIndex(time.view("datetime64[us]"))
    grouped = pd.DataFrame({"entity": entity, "value": values}, index=index).groupby("entity")
    # The result comes entity by entity; in an entity rows keep their order.
    order = np.argsort(entity, kind="stable")
    out = np.empty((len(entity), len(windows), 2))

    def totals(days: int) -> tuple[FloatArray, FloatArray]:
        rolling = grouped["value"].rolling(f"{days}D")
        return rolling.count().to_numpy(), rolling.sum().to_numpy()

    young = totals(delay) if delay else (0.0, 0.0)
    for w, days in enumerate(windows):
        count, total = (
            all_of - part for all_of, part in zip(totals(days + delay), young, strict=True)
        )
        out[order, w, 0] = count
        out[order, w, 1] = _divide(total, count)
    return out


def polars_rolling(
    entity: IntArray, time: IntArray, values: FloatArray, windows: Sequence[int], delay: int
) -> FloatArray:
    frame = pl.DataFrame({"entity": entity, "time": _moments(time), "value": values})
    frame = frame.with_row_index("row").sort("entity", maintain_order=True)
    order = frame["row"].to_numpy()
    out = np.empty((len(entity), len(windows), 2))
    for w, days in enumerate(windows):
        found = frame.rolling(
            "time", period=f"{days}d", offset=f"-{days + delay}d", group_by="entity"
        ).agg(pl.col("value").count().alias("count"), pl.col("value").mean().alias("mean"))
        out[order, w, 0] = found["count"].to_numpy()
        out[order, w, 1] = found["mean"].to_numpy()
    return out


def polars_rolling_by_over(
    entity: IntArray, time: IntArray, values: FloatArray, windows: Sequence[int], delay: int
) -> FloatArray:
    frame = pl.DataFrame(
        {"entity": entity, "time": _moments(time), "value": values, "one": np.ones(len(time))}
    )
    lengths = [days + delay for days in windows] + ([delay] if delay else [])
    found = frame.select(
        pl.col(column)
        .rolling_sum_by("time", window_size=f"{days}d")
        .over("entity")
        .alias(f"{column}{days}")
        for days in lengths
        for column in ("one", "value")
    )
    out = np.empty((len(entity), len(windows), 2))
    young = [found[f"{column}{delay}"].to_numpy() if delay else 0.0 for column in ("one", "value")]
    for w, days in enumerate(windows):
        count = found[f"one{days + delay}"].to_numpy() - young[0]
        out[:, w, 0] = count
        out[:, w, 1] = _divide(found[f"value{days + delay}"].to_numpy() - young[1], count)
    return out


def duckdb_range_windows(
    entity: IntArray, time: IntArray, values: FloatArray, windows: Sequence[int], delay: int
) -> FloatArray:
    columns = {"entity": entity, "time": time, "value": values, "row": np.arange(len(time))}
    frame = pl.DataFrame(columns).to_arrow()
    frames = ", ".join(
        f"w{days} AS (PARTITION BY entity ORDER BY time RANGE BETWEEN {(days + delay) * DAY - 1} "
        f"PRECEDING AND {delay * DAY} PRECEDING)"
        for days in windows
    )
    chosen = ", ".join(f"count(*) OVER w{d} AS n{d}, avg(value) OVER w{d} AS m{d}" for d in windows)
    with duckdb.connect() as connection:
        connection.register("rows", frame)
        query = f"SELECT row, {chosen} FROM rows WINDOW {frames}"  # noqa: S608
        found = connection.execute(query).fetchnumpy()
    out = np.empty((len(entity), len(windows), 2))
    for w, days in enumerate(windows):
        out[found["row"], w, 0] = found[f"n{days}"]
        out[found["row"], w, 1] = np.ma.filled(found[f"m{days}"], np.nan)
    return out


PEERS: dict[str, Peer] = {
    "pandas_groupby_rolling": pandas_groupby_rolling,
    "polars_rolling_group_by": polars_rolling,
    "polars_rolling_sum_by_over": polars_rolling_by_over,
    "duckdb_range_windows": duckdb_range_windows,
}


def _moments(time: IntArray) -> pl.Series:
    return pl.Series(time).cast(pl.Datetime("us"))


def _divide(total: FloatArray, count: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / count, np.nan)
