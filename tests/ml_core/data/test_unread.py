"""Columns that no model reads are asked whether they know the label, whatever they hold."""

from __future__ import annotations

import io
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from ml_core.data.inspection.unread import leaks_of_unread
from ml_core.data.read import sniff
from ml_core.data.schema import Column, Schema

SCHEMA = Schema((Column("is_bad", "flag", "Bad", "", role="label"),))
BAD = pl.Series("is_bad", [n % 2 for n in range(200)])
NOISE = np.random.default_rng(3).integers(0, 9, 200).tolist()


def leaks(**columns: pl.Series) -> list[str | None]:
    """Write a Parquet file, and return which of its columns tell the label."""
    out = io.BytesIO()
    pl.DataFrame({"is_bad": BAD, **columns}).write_parquet(out)
    found = leaks_of_unread(out, sniff(out, "a.parquet"), SCHEMA, BAD, list(columns))
    return [one.column for one in found]


def test_a_leak_is_found_beside_columns_that_are_no_text():
    found = leaks(
        pixels=pl.Series([[n, n + 1] for n in NOISE]),
        thumb=pl.Series([bytes([255, n]) for n in NOISE]),
        pair=pl.Series([{"a": n} for n in NOISE]),
        lasted=pl.Series([timedelta(seconds=n) for n in NOISE]),
        refund=BAD * 7,
    )

    assert found == ["refund"]


@pytest.mark.parametrize(
    "told",
    [
        pl.Series([[n, 1] for n in BAD]),
        pl.Series([bytes([255, n]) for n in BAD]),
        pl.Series(["yes" if n else "no" for n in BAD], dtype=pl.Categorical),
    ],
    ids=["lists", "bytes", "categories"],
)
def test_what_is_no_text_may_be_the_leak_itself(told):
    assert leaks(told=told) == ["told"]
