"""The features of every row are what the definition says, to the last bit."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.rolling_windows import STATISTICS, rolling_windows, window_statistics
from ml_core.errors import DataError
from ml_core.features.compute import as_of, compute
from ml_core.features.view import DAY, HOUR, Aggregation
from tests.ml_core.features.events import (
    START,
    assert_same_bits,
    by_definition,
    events,
    table,
    view_of,
)

EXACT = ("count", "sum", "mean", "min", "max")
ALL = Aggregation("amount", "amount", (HOUR, DAY), (*EXACT, "std"), delay=0)


def naive(view, frame):
    """The same by the definition; `frame` is clean and sorted."""
    rows = [
        by_definition(view, frame, card, at)
        for card, at in zip(frame["card"], frame["time"].to_physical(), strict=True)
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(view.features, pl.Float64), orient="row")


@pytest.mark.parametrize("seed", range(3))
def test_each_row_sees_what_its_windows_hold(seed):
    view, frame = view_of(), events(150, seed=seed)

    assert_same_bits(compute(view, frame).select(view.features), naive(view, frame))


amounts = st.one_of(
    st.none(),
    st.floats(-1e6, 1e6).map(lambda x: round(x, 2)),
    st.floats(-1e150, 1e150),
    st.sampled_from([0.0, -0.0, 5e-324, 1e-300, 1e16, -1e16, 1.0, 0.1]),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from("ab"), amounts), min_size=1, max_size=25
    ),
    st.integers(0, 3),
)
def test_sums_are_rounded_once_whatever_the_amounts(rows, delay):
    """Even those that the fast way cannot sum exactly: tiny beside huge, and of both signs."""
    time, card, amount = zip(*sorted(rows, key=lambda row: row[0]), strict=True)
    one = Aggregation("amount", "amount", (3, 20), EXACT, delay=delay)
    view, frame = view_of(one), table(time, card, amount)

    assert_same_bits(compute(view, frame).select(view.features), naive(view, frame))


def test_spreads_are_the_same_alone_and_among_others():
    view, frame = view_of(ALL), events(120, seed=3)

    assert_same_bits(compute(view, frame).select(view.features), naive(view, frame))


def test_a_stretch_gives_the_bits_of_the_whole():
    view, frame = view_of(), events(300, seed=4)
    whole = compute(view, frame)
    since = frame["time"][200]
    horizon = pl.duration(microseconds=view.horizon)

    part = compute(view, frame.filter(pl.col("time") > pl.lit(since) - horizon))

    cut = pl.col("time") >= since
    assert_same_bits(part.filter(cut), whole.filter(cut))


def test_moments_between_rows_see_what_was_known_then():
    view, frame = view_of(), events(80, seed=5)
    rng = np.random.default_rng(0)
    at = [START + int(t) for t in rng.integers(0, 12 * DAY, 40)]
    cards = [f"c{c}" for c in rng.integers(0, 9, 40)]
    moments = pl.DataFrame({"card": cards, "time": pl.Series(at).cast(pl.Datetime("us"))})

    found = as_of(view, frame, moments)

    wanted = [by_definition(view, frame, card, t) for card, t in zip(cards, at, strict=True)]
    schema = dict.fromkeys(view.features, pl.Float64)
    assert found["card"].to_list() == cards
    assert_same_bits(found.select(view.features), pl.DataFrame(wanted, schema=schema, orient="row"))


def test_the_order_of_the_file_changes_nothing():
    view, frame = view_of(), events(200, seed=6)
    mixed = frame.sample(fraction=1.0, shuffle=True, seed=1)

    assert_same_bits(compute(view, mixed).sort("id"), compute(view, frame).sort("id"))


def test_an_event_that_comes_twice_counts_as_it_came_last():
    view = view_of(Aggregation("amount", "amount", (HOUR,), ("count", "sum")))
    frame = table([0, 0, 5], ["a"] * 3, [10.0, 20.0, 1.0], ids=["x", "x", "y"])

    assert compute(view, frame).row(1)[3:] == (1.0, 20.0)


def test_without_a_key_each_row_counts():
    view = view_of(Aggregation("amount", "amount", (HOUR,), ("count",)), key=None)

    assert compute(view, table([0, 0, 5], ["a"] * 3, [1.0] * 3))["amount_count_1h"].to_list() == [
        0.0, 0.0, 2.0,
    ]  # fmt: skip


def test_rows_of_nobody_and_of_no_time_are_left_out():
    view = view_of()
    frame = table([0, 1, 2], ["a", None, "a"], [1.0, 1.0, 1.0])

    assert compute(view, frame).height == 2
    assert compute(view, frame.head(0)).columns == ["card", "time", "id", *view.features]


@pytest.mark.parametrize("amount", [math.inf, -math.inf, 1e200])
def test_an_amount_beyond_all_bounds_is_refused(amount):
    with pytest.raises(DataError, match="amount must be finite"):
        compute(view_of(), table([0], ["a"], [amount]))


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match="flag"):
        compute(view_of(), events(3).drop("flag"))


def test_one_window_is_what_the_kernel_says_at_its_last_row():
    values = np.array([3.0, np.nan, -1.5, 8.25])
    zeros = np.zeros(4, np.int64)
    kernel = rolling_windows(zeros, zeros, values, [1], device="cpu")[-1, 0]

    assert window_statistics(values.tolist(), STATISTICS) == pytest.approx(kernel, rel=1e-12)
    assert math.isnan(window_statistics([], ("mean",))[0])
    with pytest.raises(KeyError):
        window_statistics([1.0], ("median",))
