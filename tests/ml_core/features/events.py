"""Small tables of events and a view of them, for the tests of the feature store."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from ml_core.features.view import DAY, HOUR, Aggregation, FeatureView

START = 1_700_000_000_000_000


def view_of(*aggregations: Aggregation, key: str | None = "id") -> FeatureView:
    chosen = aggregations or (
        Aggregation("rows", None, (HOUR, DAY)),
        Aggregation("amount", "amount", (HOUR, DAY), ("count", "sum", "mean", "min", "max")),
        Aggregation("late", "flag", (DAY, 7 * DAY), ("count", "sum"), delay=2 * DAY),
    )
    return FeatureView("card", "Card", "What a card did.", "test", "card", chosen, key=key)


def table(time, card, amount, flag=None, ids=None) -> pl.DataFrame:
    """Make events; times are microseconds after the start."""
    n = len(time)
    return pl.DataFrame(
        {
            "id": [f"e{i}" for i in range(n)] if ids is None else ids,
            "time": pl.Series([START + int(t) for t in time], dtype=pl.Int64).cast(
                pl.Datetime("us")
            ),
            "card": pl.Series(card, dtype=pl.String),
            "amount": pl.Series(amount, dtype=pl.Float64),
            "flag": pl.Series([None] * n if flag is None else flag, dtype=pl.Int8),
        }
    )


def events(n: int, *, seed: int = 0, n_cards: int = 7, days: float = 12.0) -> pl.DataFrame:
    """Make events of some days with ties, missing amounts and unknown labels."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, int(days * DAY) // (HOUR // 4), n)) * (HOUR // 4)
    amount = np.round(rng.gamma(2, 30, n), 2)
    missing = rng.random(n) < 0.1
    flag = [None if u < 0.3 else int(u > 0.8) for u in rng.random(n)]
    cards = [f"c{c}" for c in rng.integers(0, n_cards, n)]
    return table(
        time, cards, [None if m else a for a, m in zip(amount, missing, strict=True)], flag
    )


def by_definition(view: FeatureView, frame: pl.DataFrame, card: str, at: int) -> list[float | None]:
    """Compute the features of a card at a moment, reading all rows for each of them."""
    found: list[float | None] = []
    rows = frame.filter(pl.col("card") == card)
    moments = rows["time"].to_physical().to_list()
    for one in view.aggregations:
        column = [0.0] * rows.height if one.column is None else rows[one.column].to_list()
        for window in one.windows:
            low, high = at - one.delay - window, at - one.delay
            inside = [
                float(v) for t, v in zip(moments, column, strict=True)
                if low < t <= high and v is not None
            ]  # fmt: skip
            found += [_statistic(name, inside) for name in one.statistics]
    return found


def _statistic(name: str, inside: list[float]) -> float | None:
    if name == "count":
        return float(len(inside))
    total = math.fsum(inside)
    if name == "sum":
        return total
    if not inside:
        return None
    if name == "std":
        mean = total / len(inside)
        return math.sqrt(math.fsum((v - mean) * (v - mean) for v in inside) / len(inside))
    return {"mean": total / len(inside), "min": min(inside), "max": max(inside)}[name]


def assert_same_bits(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """Compare frames exactly: no tolerance, and missing is missing."""
    assert_frame_equal(one, other, check_exact=True)
