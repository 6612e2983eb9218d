"""Any table that people bring is read as it was meant, chunk by chunk."""

from __future__ import annotations

import csv
import io
import string
from contextlib import suppress

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.data.read import chunks, sniff
from ml_core.errors import DataError


def read(content: bytes, filename: str = "t.csv") -> pl.DataFrame:
    stream = io.BytesIO(content)
    sniffed = sniff(stream, filename)
    return pl.concat([chunk.frame for chunk in chunks(stream, sniffed, sniffed.names)])


def write(rows: list[list[str]], delimiter: str = ",", end: str = "\n") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    return out.getvalue().encode()


NAMES = st.lists(
    st.text(string.ascii_letters + "_", min_size=1, max_size=8), min_size=2, max_size=5, unique=True
)
CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=["Cs"]),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_each_cell_comes_back_as_it_was_written(data, delimiter, end):
    names = data.draw(NAMES)
    row = st.lists(CELLS, min_size=len(names), max_size=len(names)).filter(any)
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    content = write([names, ["x"] * len(names), *rows], delimiter, end)

    stream = io.BytesIO(content)
    sniffed = sniff(stream)
    # The separator is guessed from few rows; where another one fits better, cells are not compared.
    if sniffed.head.delimiter != delimiter:
        return
    table = pl.concat([chunk.frame for chunk in chunks(stream, sniffed, sniffed.names)])

    assert sniffed.names == tuple(names)
    expected = [tuple(cell or None for cell in cells) for cells in rows]
    found = [
        tuple(cell.replace("\r\n", "\n") if cell else cell for cell in r) for r in table.rows()[1:]
    ]
    assert found == [tuple(c.replace("\r\n", "\n") if c else c for c in r) for r in expected]


@given(st.binary(max_size=2_000))
@settings(max_examples=100, deadline=None)
def test_no_bytes_do_more_than_be_refused(content):
    with suppress(DataError):
        assert read(content).width > 0


@given(cut=st.integers(0, 1_500), at=st.integers(0, 1_500), byte=st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_a_damaged_parquet_does_no_more_than_be_refused(cut, at, byte):
    out = io.BytesIO()
    pl.DataFrame({"a": ["x", "y"] * 50, "b": range(100)}).write_parquet(out)
    content = bytearray(out.getvalue())
    content[at % len(content)] = byte

    for damaged in (bytes(content), bytes(content[: cut % len(content)])):
        with suppress(DataError):
            assert read(damaged, "t.parquet").width > 0


def test_a_parquet_may_begin_with_a_group_of_no_rows():
    table = pa.table({"a": ["x", "y"]})
    out = io.BytesIO()
    with pq.ParquetWriter(out, table.schema) as writer:
        writer.write_table(table.slice(0, 0))
        writer.write_table(table)

    assert read(out.getvalue(), "t.parquet").rows() == [("x",), ("y",)]


def test_a_parquet_that_promises_rows_it_has_not_is_damaged(monkeypatch):
    out = io.BytesIO()
    pl.DataFrame({"a": ["x"]}).write_parquet(out)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: iter(()))

    with pytest.raises(DataError, match="whole"):
        read(out.getvalue(), "t.parquet")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_found_even_if_others_stand_in_quotes(delimiter):
    content = write([["name", "note"], ["a", "one, two; three | four"], ["b", "x"]], delimiter)

    assert sniff(io.BytesIO(content)).head.delimiter == delimiter


def test_a_mark_of_utf8_is_not_part_of_the_first_name():
    assert read(b"\xef\xbb\xbfa,b\n1,2\n").columns == ["a", "b"]


def test_a_column_without_a_name_gets_its_number():
    assert read(b",b\n1,2\n").columns == ["column 1", "b"]


def test_blank_lines_before_the_header_are_passed():
    assert read(b"\n\na,b\n1,2\n").rows() == [("1", "2")]


def test_a_line_break_within_quotes_is_part_of_the_cell():
    assert read(b'a,b\n"x\ny",2\n3,4\n').rows() == [("x\ny", "2"), ("3", "4")]


def test_all_ragged_rows_are_told_with_their_numbers():
    content = b"a,b\n1,2\n3\n4,5,6\n7,8\n"

    with pytest.raises(DataError) as error:
        read(content)

    assert [issue.row for issue in error.value.issues] == [2, 3]


def test_rows_are_numbered_across_chunks(monkeypatch):
    monkeypatch.setattr("ml_core.data.csv_file.BLOCK_BYTES", 64)
    content = write([["a", "b"], *[[str(i), "x"] for i in range(100)]])
    stream = io.BytesIO(content)
    sniffed = sniff(stream)

    found = [(chunk.first_row, chunk.frame["a"][0]) for chunk in chunks(stream, sniffed, ["a"])]

    assert len(found) > 3
    assert all(str(first - 1) == value for first, value in found)


def test_only_the_named_columns_are_read():
    stream = io.BytesIO(b"a,b,c\n1,2,3\n")

    (chunk,) = chunks(stream, sniff(stream), ["c", "a"])

    assert chunk.frame.to_dict(as_series=False) == {"c": ["3"], "a": ["1"]}


def test_memory_does_not_grow_with_the_file(monkeypatch):
    monkeypatch.setattr("ml_core.data.csv_file.BLOCK_BYTES", 2**16)
    stream = io.BytesIO(write([["a", "b"], *[[str(i), "x" * 20] for i in range(50_000)]]))

    largest = max(
        chunk.frame.estimated_size() for chunk in chunks(stream, sniff(stream), ["a", "b"])
    )

    assert largest < 2**18


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["1", "-2"], "integer"),
        (["1.5", "2"], "decimal"),
        (["1,5", "2,25"], "decimal"),
        (["2024-01-02 03:04", ""], "date and time"),
        (["01/02/2024"], "date and time"),
        (["yes", "no"], "true or false"),
        (["a", "1"], "text"),
        (["", ""], "empty"),
    ],
)
def test_types_are_told_in_words(values, told):
    content = write([["a", "b"], *[[value, "x"] for value in values]], ";")

    assert sniff(io.BytesIO(content)).columns[0].dtype == told


@pytest.mark.parametrize("name", ["am\x00unt", "a" * 201, "a\nb"])
def test_a_name_in_parquet_that_no_page_can_show_is_refused(name):
    out = io.BytesIO()
    pl.DataFrame({name: [1.0, 2.0]}).write_parquet(out)

    with pytest.raises(DataError, match="must be printable"):
        sniff(out, "t.parquet")
