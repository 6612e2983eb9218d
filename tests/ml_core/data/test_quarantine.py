"""Each row of a file is either kept or put aside with its reason."""

from __future__ import annotations

import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.data.mapping import suggest
from ml_core.data.quarantine import sieve
from ml_core.data.read import sniff
from ml_core.data.schema import Column, Schema
from ml_core.errors import CancelledError, DataError

SCHEMA = Schema(
    (
        Column("id", "id", "Name", "Its name.", unique=True, role="key"),
        Column("amount", "number", "Amount", "How much.", minimum=0),
        Column("note", "text", "Note", "What.", nullable=True, required=False),
    )
)


def part(lines: list[str], header: str = "id,amount,note", **how):
    data = "\n".join([header, *lines, ""]).encode()
    stream, out, aside = io.BytesIO(data), io.BytesIO(), []
    sniffed = sniff(stream, "rows.csv")
    told = sieve(
        stream, sniffed, SCHEMA, suggest(SCHEMA, sniffed.columns), out=out, aside=aside.extend,
        **how,
    )  # fmt: skip
    out.seek(0)
    return told, pl.read_parquet(out), aside


def test_good_rows_are_numbered_anew_and_bad_ones_keep_their_number_and_cells():
    told, kept, aside = part(["a,1,x", "b,-5,y", "c,2,", ",much,z", "d,3,w"])

    assert kept["id"].to_list() == ["a", "c", "d"]
    assert kept["row"].to_list() == [1, 2, 3]
    assert [(bad.row, bad.cells) for bad in aside] == [
        (2, ("b", "-5", "y")), (4, (None, "much", "z")),
    ]  # fmt: skip
    assert "amount must be 0 or more." in aside[0].reason
    assert "id must not be empty." in aside[1].reason
    assert "amount must be a number" in aside[1].reason
    assert (told.n_good, told.n_bad) == (3, 2)
    assert told.checked.summary["n_rows"] == 3
    assert not told.checked.errors


def test_of_rows_with_one_name_the_first_good_one_stays():
    _, kept, aside = part(["a,-1,", "a,2,", "a,3,", "b,4,"])

    assert kept["amount"].to_list() == [2, 4]
    assert [bad.row for bad in aside] == [1, 3]
    assert "id must differ" in aside[1].reason


def test_rows_with_other_numbers_of_cells_are_put_aside_with_their_text():
    _, kept, aside = part(["a,1,x", "b,2", "c,3,x", "d,-4,x", "e,5,x,y", "f,-6,x"])

    assert kept["id"].to_list() == ["a", "c"]
    assert sorted((bad.row, bad.text) for bad in aside) == [
        (2, "b,2"), (4, ""), (5, "e,5,x,y"), (6, ""),
    ]  # fmt: skip


def test_a_file_without_a_good_row_is_refused():
    with pytest.raises(DataError, match="must have good rows"):
        part(["a,-1,", "b,-2,"])


def test_it_stops_when_it_is_asked_to():
    def stop(_rows, _share):
        raise CancelledError("Asked to.")

    with pytest.raises(CancelledError):
        part(["a,1,"], progress=stop)


CELL = st.sampled_from(["a", "b", "c", "1", "-1", "", "nan", "1e999", "é"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELL, min_size=1, max_size=4), min_size=1, max_size=30))
def test_no_row_is_lost_and_none_is_in_both(rows):
    lines = [",".join(cells) for cells in rows if any(cells)]
    try:
        told, kept, aside = part(["ok,1,x", *lines, "last,2,x"])
    except DataError as error:
        pytest.fail(str(error))

    assert kept.height == told.n_good
    assert told.n_good + told.n_bad == len(lines) + 2
    assert len(aside) == told.n_bad
    numbers = [bad.row for bad in aside]
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= set(range(1, len(lines) + 3))
    assert kept["id"].is_unique().all()
    assert (kept["amount"] >= 0).all()
