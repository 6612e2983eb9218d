"""Values are read as the kinds of a schema mean them, and never as something else."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_core.data.casting import TIME_STYLES, cast, settle, unreadable

AT = datetime.fromisoformat("2024-05-13T14:15:16")


def read(kind, values):
    series = pl.Series("x", values)
    style = settle(kind, series)
    found = cast(kind, series, style)
    return found.to_list(), unreadable(kind, series, found).to_list()


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-13 14:15:16",
        "2024-05-13T14:15:16",
        "2024-05-13T14:15:16Z",
        "2024-05-13T16:15:16+02:00",
        "2024-05-13 14:15:16.000000",
        "2024/05/13 14:15:16",
        "13/05/2024 14:15:16",
        "13.05.2024 14:15:16",
        "13-05-2024 14:15:16",
        "05/13/2024 02:15:16 PM",
        "05/13/2024 14:15:16",
        "1715609716",
        "1715609716000",
        "1715609716000000",
        " 2024-05-13 14:15:16 ",
    ],
)
def test_a_moment_is_read_however_it_is_written(text):
    assert read("time", [text, None]) == ([AT, None], [False, False])


@pytest.mark.parametrize(
    "values",
    [
        [AT],
        [AT.replace(tzinfo=UTC)],
        [1_715_609_716],
        [1_715_609_716.0],
        [1_715_609_716_000],
    ],
)
def test_a_typed_moment_is_utc_in_microseconds(values):
    found, bad = read("time", values)

    assert (found, bad) == ([AT], [False])


def test_seconds_from_the_start_of_a_file_are_no_moments():
    assert read("time", [0, 31, 130]) == ([None] * 3, [True] * 3)


def test_day_and_month_are_told_apart_by_the_whole_column():
    day_first, _ = read("time", ["03/04/2024", "13/04/2024"])
    month_first, _ = read("time", ["04/03/2024", "04/13/2024"])

    assert [moment.month for moment in day_first] == [4, 4]
    assert [moment.month for moment in month_first] == [4, 4]


@given(
    st.datetimes(datetime.fromisoformat("1971-01-01"), datetime.fromisoformat("2100-01-01")),
    st.sampled_from(TIME_STYLES[:2]),
)
def test_iso_moments_survive(moment, style):
    text = moment.strftime(style.replace("%.f", ".%f"))

    assert read("time", [text])[0] == [moment]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", " 2.5 ", "-3e2"], [1.0, 2.5, -300.0]),
        (["1,5", "2.000,25", "7"], [1.5, 2000.25, 7.0]),
        (["", "NA", "n/a", "nan", "NULL"], [None] * 5),
        ([1, 2, None], [1.0, 2.0, None]),
        ([float("nan"), 1.0], [None, 1.0]),
    ],
)
def test_numbers_are_read(values, expected):
    assert read("number", values) == (expected, [False] * len(values))


@pytest.mark.parametrize("text", ["abc", "inf", "-inf", "12 EUR", "1,234.5", "0x10", "1_000"])
def test_what_is_no_number_is_marked(text):
    found, bad = read("number", ["1.5", "2.5", text])

    assert (found[2], bad) == (None, [False, False, True])


def test_a_point_in_a_column_of_commas_is_not_guessed():
    found, bad = read("number", ["1,5", "2,5", "1.5"])

    assert (found, bad) == ([1.5, 2.5, None], [False, False, True])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_every_finite_number_survives_as_text(numbers):
    assert read("number", [repr(number) for number in numbers])[0] == numbers


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["007", " a ", ""], ["007", "a", None]),
        ([7, 2**62], ["7", str(2**62)]),
        ([7.0, None], ["7", None]),
        (["NA"], ["NA"]),
    ],
)
def test_names_are_text(values, expected):
    assert read("id", values)[0] == expected


def test_a_broken_number_is_no_name():
    assert read("id", [7.5, 8.0]) == ([None, "8"], [True, False])


@pytest.mark.parametrize(
    "values",
    [
        ["1", "0"],
        ["true", "FALSE"],
        ["Yes", "no"],
        [1, 0],
        [1.0, 0.0],
        [True, False],
        ["1.0", "0.0"],
    ],
)
def test_flags_are_read(values):
    assert read("flag", values) == ([1, 0], [False, False])


def test_what_is_no_flag_is_marked():
    assert read("flag", ["2", "x", "", None])[1] == [True, True, False, False]
