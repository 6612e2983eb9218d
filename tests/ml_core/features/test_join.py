"""Each event gets the newest feature row that was known before it."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.errors import DataError
from ml_core.features.join import point_in_time_join

ZERO = datetime(2025, 1, 1)  # noqa: DTZ001  frames carry UTC without a zone
rows = st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), max_size=30)


def frame(pairs, name):
    return pl.DataFrame(
        {
            "who": pl.Series([who for _, who in pairs], dtype=pl.String),
            "at": pl.Series([ZERO + timedelta(hours=t) for t, _ in pairs], dtype=pl.Datetime("us")),
            name: pl.Series(range(len(pairs)), dtype=pl.Int64),
        }
    )


def naive(events, features, *, same_moment, max_age=None):
    """The definition: look at every feature row for every event."""
    found = []
    for who, at in events.select("who", "at").rows():
        best, best_at = None, None
        for other, then, number in features.rows():
            is_known = then <= at if same_moment else then < at
            is_young = max_age is None or at - then <= max_age
            if other == who and is_known and is_young and (best_at is None or then >= best_at):
                best, best_at = number, then
        found.append((best, best_at))
    return found


@settings(max_examples=150, deadline=None, derandomize=True)
@given(rows, rows, st.booleans(), st.one_of(st.none(), st.integers(0, 6)))
def test_it_is_what_the_definition_says(left, right, same_moment, hours):
    events, features = frame(left, "event"), frame(right, "feature")
    max_age = None if hours is None else timedelta(hours=hours)

    joined = point_in_time_join(
        events, features, on="who", at="at", same_moment=same_moment, max_age=max_age
    )

    assert joined.select(events.columns).equals(events)
    wanted = naive(events, features, same_moment=same_moment, max_age=max_age)
    assert joined.select("feature", "known_at").rows() == wanted


def test_the_future_is_never_joined():
    events, features = frame([(5, "a")], "event"), frame([(6, "a"), (4, "b")], "feature")

    assert point_in_time_join(events, features, on="who", at="at")["feature"].to_list() == [None]


@pytest.mark.parametrize("gone", ["who", "at"])
def test_a_missing_column_is_refused(gone):
    events, features = frame([(1, "a")], "event"), frame([(1, "a")], "feature")

    with pytest.raises(DataError, match=f"{gone} must be in the features"):
        point_in_time_join(events, features.drop(gone), on="who", at="at")


def test_gaps_and_doubled_names_are_refused():
    events, features = frame([(1, "a")], "event"), frame([(1, "a")], "feature")
    holed = events.with_columns(who=pl.lit(None, pl.String))

    with pytest.raises(DataError, match="without gaps"):
        point_in_time_join(holed, features, on="who", at="at")
    with pytest.raises(DataError, match="event must be in one"):
        point_in_time_join(events, features.rename({"feature": "event"}), on="who", at="at")
