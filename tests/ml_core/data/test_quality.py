"""What is told of labels: how many, and how many positives where a label says yes or no."""

from __future__ import annotations

import polars as pl
import pytest

from ml_core.data.quality import Profile
from ml_core.data.schema import Column, Schema

CASES = {
    "flag": ([1, 0, 0, None], pl.Int8, (3, 1)),
    "boxes": (['[{"label": "crack"}]', "[]", "[]", None], pl.String, (3, 1)),
    "text": (["yes", "red", None, None], pl.String, (2, None)),
    "category": (["red", "1", None, None], pl.String, (2, None)),
}


@pytest.mark.parametrize("kind", CASES)
def test_positives_are_counted_where_a_label_says_yes_or_no(kind):
    values, dtype, told = CASES[kind]
    column = Column("truth", kind, "Truth", "What it was.", role="label", nullable=True)
    profile = Profile(Schema((column,)))

    profile.add(pl.DataFrame({"truth": pl.Series(values, dtype=dtype)}))

    label = profile.tell()["label"]
    assert (label["known"], label["positive"]) == told
