"""Splits: complete, apart, and fair to time and groups."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml_core.data.split import at_random, by_group, by_time
from ml_core.errors import DataError

DAY = timedelta(days=1)


def rows(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    start = datetime.fromisoformat("2026-01-01")
    hours = rng.integers(24 * 50, size=n).tolist()
    return pl.DataFrame(
        {
            "time": [start + timedelta(hours=hour) for hour in hours],
            "card": [f"c{code}" for code in rng.integers(80, size=n)],
        }
    )


def parts(cut):
    return cut.train, cut.valid, cut.test


@pytest.mark.parametrize(
    "cut",
    [
        lambda frame: by_time(frame, "time", valid=0.2, test=0.2),
        lambda frame: by_group(frame, "card", valid=0.2, test=0.2, seed=1),
        lambda frame: at_random(frame, valid=0.2, test=0.2, seed=1),
    ],
    ids=["time", "group", "random"],
)
def test_each_row_lies_in_one_part(cut):
    got = parts(cut(rows()))

    assert sorted(np.concatenate(got)) == list(range(1000))
    assert [len(part) for part in got] == pytest.approx([600, 200, 200], abs=60)
    assert all(np.all(np.diff(part) > 0) for part in got)


@pytest.mark.parametrize("share", [0.2, 7 * DAY], ids=["rows", "days"])
def test_later_parts_are_later_by_the_gap(share):
    frame = rows()
    moments = frame["time"]

    cut = by_time(frame, "time", valid=share, test=share, gap=3 * DAY)

    train, valid, test = (moments.gather(part) for part in parts(cut))
    assert valid.min() - train.max() >= 3 * DAY
    assert test.min() - valid.max() >= 3 * DAY
    assert test.max() == moments.max()
    assert "3 days apart" in cut.how


def test_a_stretch_of_time_has_that_length():
    frame = rows()

    cut = by_time(frame, "time", valid=7 * DAY, test=7 * DAY)

    test = frame["time"].gather(cut.test)
    assert timedelta(days=6, hours=20) < test.max() - test.min() < 7 * DAY


def test_rows_of_one_moment_stay_together():
    frame = pl.DataFrame(
        {"time": [datetime.fromisoformat("2026-01-01") + day * DAY for day in (0, 1, 1, 1, 1, 2)]}
    )

    cut = by_time(frame, "time", valid=0.3, test=0.2)

    assert [part.tolist() for part in parts(cut)] == [[0], [1, 2, 3, 4], [5]]


def test_groups_are_never_torn():
    frame = rows()

    seen = [
        set(frame["card"].gather(p))
        for p in parts(by_group(frame, "card", valid=0.2, test=0.2, seed=1))
    ]

    assert not seen[0] & seen[1]
    assert not seen[1] & seen[2]
    assert not seen[0] & seen[2]


def test_the_same_seed_cuts_the_same_and_another_does_not():
    first, again, other = (at_random(rows(), valid=0.2, test=0.2, seed=s) for s in (1, 1, 2))

    assert np.array_equal(first.train, again.train)
    assert not np.array_equal(first.train, other.train)


@pytest.mark.parametrize(
    "cut",
    [
        lambda: by_time(rows(), "time", valid=30 * DAY, test=30 * DAY),
        lambda: by_time(rows().head(0), "time", valid=0.2, test=0.2),
        lambda: by_time(rows(), "time", valid=0.2, test=0.2, gap=60 * DAY),
        lambda: by_group(rows().head(1), "card", valid=0.2, test=0.2, seed=0),
        lambda: at_random(rows().head(0), valid=0.2, test=0.2, seed=0),
    ],
    ids=["too short", "empty", "gap too long", "one group", "no rows"],
)
def test_too_little_data_is_refused(cut):
    with pytest.raises(DataError, match="Give more data"):
        cut()
