"""The newest part of a table."""

from __future__ import annotations

import pytest

from apps.experiments.window import newest, read_window
from ml_core.data.schema import Column, Schema
from ml_core.errors import ConfigError
from tests.apps.tiny_solution import SCHEMA
from tests.apps.workshop import payments


def test_the_last_rows_are_those_of_the_latest_times_in_the_order_of_the_file():
    frame = payments(50).sample(fraction=1.0, shuffle=True, seed=1)

    found = newest(frame, SCHEMA, {"rows": 7})

    assert sorted(found["row"]) == list(range(44, 51))
    kept = [row for row in frame["row"] if row > 43]
    assert found["row"].to_list() == kept


def test_the_last_days_end_at_the_last_row():
    frame = payments(3000)  # one a minute, two days and two hours

    assert newest(frame, SCHEMA, {"days": 1}).height == 24 * 60
    assert newest(frame, SCHEMA, {"days": 30}).height == 3000
    assert newest(frame.clear(), SCHEMA, {"days": 1}).is_empty()
    assert newest(frame, SCHEMA, {}).height == 3000


def test_a_window_needs_a_time():
    timeless = Schema((Column("picture", "image", "Picture", "It."),))

    with pytest.raises(ConfigError, match="no column of times"):
        read_window({"rows": 5}, timeless)
    assert read_window({}, timeless) == {}


@pytest.mark.parametrize(
    "window", [{"days": 0}, {"days": 1.5}, {"days": "7"}, {"weeks": 2}, {"days": 1, "rows": 2}]
)
def test_a_window_that_cannot_be_is_refused(window):
    with pytest.raises(ConfigError, match="days or of rows"):
        read_window(window, SCHEMA)
