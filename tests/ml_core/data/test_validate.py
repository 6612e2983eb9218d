"""A table is checked row by row, in chunks or whole, with the same answer."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml_core.data.schema import Column, Schema
from ml_core.data.validate import Checker, check

NOW = datetime.fromisoformat("2024-06-01T00:00:00")
SCHEMA = Schema(
    (
        Column("id", "id", "Name", "Its name.", unique=True, role="key"),
        Column("time", "time", "Time", "When.", role="time"),
        Column("card", "id", "Card", "Who.", personal=True),
        Column("amount", "number", "Amount", "How much.", minimum=0),
        Column("label", "flag", "Label", "Truth.", required=False, nullable=True, role="label"),
    )
)


def table(n: int = 10) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [str(i) for i in range(n)],
            "time": [str(NOW - timedelta(hours=n - i)) for i in range(n)],
            "card": [f"c{i % 3}" for i in range(n)],
            "amount": [f"{i}.5" for i in range(n)],
            "label": [str(i % 2) for i in range(n)],
        }
    )


def put(frame: pl.DataFrame, row: int, column: str, value: str | None) -> pl.DataFrame:
    values = frame[column].to_list()
    values[row - 1] = value
    return frame.with_columns(pl.Series(column, values))


def in_chunks(frame: pl.DataFrame, size: int):
    checker = Checker(SCHEMA, now=NOW)
    for part in frame.iter_slices(size):
        checker.add(part)
    return checker.finish()


def test_a_good_table_has_no_issues():
    assert check(SCHEMA, table()) == []


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("amount", "x", "not_number"),
        ("amount", "-1", "below_minimum"),
        ("amount", None, "empty"),
        ("time", "x", "not_time"),
        ("time", "1800-01-01 00:00:00", "too_early"),
        ("label", "7", "not_flag"),
        ("id", "2", "duplicate"),
    ],
)
def test_a_bad_cell_is_named(column, value, code):
    (issue,) = [found for found in check(SCHEMA, put(table(), 7, column, value)) if found.row]

    assert (issue.code, issue.column, issue.row, issue.severity) == (code, column, 7, "error")


def test_rows_are_counted_from_where_the_part_begins():
    (issue,) = check(SCHEMA, put(table(), 7, "amount", "x"), first_row=101)

    assert issue.row == 107


def test_the_future_is_measured_from_a_given_now():
    late = put(table(), 10, "time", "2024-06-03 00:00:00")

    checked = in_chunks(late, 4)

    assert [issue.code for issue in checked.errors] == ["in_future"]
    assert check(SCHEMA, late) == []


def test_a_personal_value_is_never_told():
    frame = table().with_columns(card=pl.Series([[i] for i in range(10)]))

    issues = check(SCHEMA, frame)

    assert len(issues) == 10
    assert all("not shown" in issue.message for issue in issues)


@pytest.mark.parametrize("size", [1, 3, 10])
def test_chunks_find_what_the_whole_finds(size):
    frame = put(put(table(), 9, "id", "0"), 5, "amount", "-2")

    whole, parts = in_chunks(frame, 100), in_chunks(frame, size)

    assert parts.issues == whole.issues
    assert parts.totals == whole.totals


def test_a_twin_in_another_chunk_is_found_with_both_rows():
    checked = in_chunks(put(table(), 9, "id", "0"), 2)

    assert "row 9 the same as in row 1." in checked.errors[0].message


def test_few_rows_are_stored_but_all_are_counted():
    checker = Checker(SCHEMA, max_issues=3)
    checker.add(table(500).with_columns(amount=pl.lit("x")))

    checked = checker.finish()

    assert len(checked.errors) == 3
    assert checked.totals["not_number", "amount"] == 500


def test_a_missing_column_and_no_rows_are_told():
    issues = check(SCHEMA, table(0).drop("amount"))

    assert {issue.code for issue in issues} == {"missing_column", "no_rows"}


def test_ties_and_disorder_are_warnings():
    frame = put(put(table(), 2, "time", str(NOW)), 3, "time", str(NOW))

    checked = in_chunks(frame, 4)

    assert checked.errors == ()
    assert {issue.code for issue in checked.issues} == {"tied_time", "unsorted"}


def test_the_cast_frame_has_the_kinds_of_the_schema():
    done = Checker(SCHEMA).add(table())

    assert done.schema == {
        "id": pl.String,
        "time": pl.Datetime("us"),
        "card": pl.String,
        "amount": pl.Float64,
        "label": pl.Int8,
    }


def test_the_summary_is_that_of_the_whole_table():
    checked = in_chunks(table(200), 7)

    columns = {column["name"]: column for column in checked.summary["columns"]}
    assert checked.summary["n_rows"] == 200
    assert checked.summary["label"] == {
        "column": "label", "known": 200, "positive": 100, "share": 0.5,
    }  # fmt: skip
    assert (columns["id"]["distinct"], columns["card"]["distinct"]) == (200, 3)
    assert columns["amount"]["mean"] == pytest.approx(100.0)
    assert (
        sum(columns["amount"]["histogram"]["counts"]) + columns["amount"]["histogram"]["outside"]
        == 200
    )
    assert sum(checked.summary["time"]["per_day"]["y"]) == 200


def test_different_values_are_counted_within_a_percent_beyond_the_exact():
    schema = Schema((Column("key", "id", "Key", "Key."),))
    checker = Checker(schema)
    values = np.random.default_rng(0).permutation(300_000).astype(str)
    for part in np.array_split(np.concatenate([values, values[:50_000]]), 5):
        checker.add(pl.DataFrame({"key": part}))

    (column,) = checker.finish().summary["columns"]

    assert column["distinct"] == pytest.approx(300_000, rel=0.015)
    assert not column["distinct_exact"]


@pytest.mark.parametrize("count", [9 * 10**17, 9 * 10**18, -9 * 10**18])
def test_a_moment_outside_the_calendar_is_told_and_breaks_nothing(count):
    moments = pl.Series([10**15] * 9 + [count]).cast(pl.Datetime("us"))

    checked = in_chunks(table().with_columns(time=moments), 4)

    assert [(issue.code, issue.row) for issue in checked.errors] == [("not_time", 10)]


def test_a_day_outside_the_calendar_is_told_and_breaks_nothing():
    days = pl.Series([19_000] * 9 + [2**31 - 1], dtype=pl.Int32).cast(pl.Date)

    checked = in_chunks(table().with_columns(time=days), 4)

    assert [(issue.code, issue.row) for issue in checked.errors] == [("not_time", 10)]


def test_one_count_in_another_unit_is_told_and_breaks_nothing():
    counts = [str(1_500_000_000 + i) for i in range(9)] + ["900000000000"]

    checked = in_chunks(table().with_columns(time=pl.Series(counts)), 10)

    assert [(issue.code, issue.row) for issue in checked.errors] == [("not_time", 10)]


def test_numbers_too_large_to_add_up_leave_a_summary_that_is_json():
    frame = table().with_columns(amount=pl.lit("1.7e308"))

    summary = in_chunks(frame, 4).summary

    json.dumps(summary, allow_nan=False)


@pytest.mark.parametrize("amounts", [["1e17"] * 10, ["1e17", "1.0000000000000002e17"] * 5])
def test_large_numbers_that_hardly_differ_have_a_distribution(amounts):
    summary = in_chunks(table().with_columns(amount=pl.Series(amounts)), 4).summary

    (told,) = [column for column in summary["columns"] if column["name"] == "amount"]
    assert sum(told["histogram"]["counts"]) == 10
