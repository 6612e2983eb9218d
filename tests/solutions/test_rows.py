"""Rows that came without a file."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from zipfile import ZipFile

import polars as pl
import pytest

from ml_core.errors import DataError
from solutions.rows import batch_of
from solutions.tables import open_batch
from tests.dummy_solution import solution as welds
from tests.picture_solution import solution as squares

TABLE = pl.read_csv(welds.demo()).head(20)


def test_they_become_what_a_file_with_them_would(tmp_path):
    TABLE.write_csv(tmp_path / "welds.csv")

    found = batch_of(welds.inputs(), TABLE.to_dict(as_series=False))

    with open_batch(tmp_path / "welds.csv", welds.inputs()) as expected:
        assert found.frame.equals(expected.frame)


def test_values_of_other_types_are_read(tmp_path):
    columns = TABLE.head(3).to_dict(as_series=False)
    columns["time"] = [datetime(2026, 1, 5, 6, minute, tzinfo=UTC) for minute in range(3)]
    columns["failed"] = [True, False, None]
    columns["current"] = [10, 11.5, "12"]
    columns["what nobody asked for"] = [object()] * 3

    found = batch_of(welds.inputs(), columns)

    assert found.frame["current_ka"].to_list() == [10.0, 11.5, 12.0]
    assert found.frame["failed"].to_list() == [1, 0, None]
    assert found.frame["time"].dt.minute().to_list() == [0, 1, 2]


def test_a_label_need_not_be_known():
    assert len(batch_of(welds.inputs(), TABLE.drop("failed").to_dict(as_series=False))) == 20


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda columns: columns.pop("current"), "Current"),
        (lambda columns: columns.update(current=["much"] * 20), "number"),
        (lambda columns: columns.update(current=[None] * 20), "current_ka"),
        (lambda columns: columns.clear(), "mapped"),
    ],
)
def test_what_cannot_be_used_is_said(change, word):
    columns = TABLE.to_dict(as_series=False)
    change(columns)

    with pytest.raises(DataError, match=word):
        batch_of(welds.inputs(), columns)


def test_pictures_come_in_base64():
    with ZipFile(squares.demo()) as archive:
        name = next(one for one in archive.namelist() if one.endswith((".png", ".jpg")))
        picture = archive.read(name)
    [column] = [c.name for c in squares.inputs().columns if c.kind == "image"]

    found = batch_of(squares.inputs(), {column: [base64.b64encode(picture).decode()]})

    assert found.media.read(found.frame[column][0]) == picture
    with pytest.raises(DataError, match="base64"):
        batch_of(squares.inputs(), {column: ["no base64!"]})
    with pytest.raises(DataError):
        batch_of(squares.inputs(), {column: [base64.b64encode(b"no picture").decode()]})
