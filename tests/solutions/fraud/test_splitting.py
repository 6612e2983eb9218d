"""Cutting by time, with the label delay between the parts."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from ml_core.errors import DataError
from solutions.api import TableBatch
from solutions.fraud import solution
from solutions.fraud.options import FraudOptions


def test_the_label_delay_lies_between_the_parts(world):
    split = solution.split(TableBatch(world), FraudOptions(), 0)

    ends = [part.targets["time"].max() for part in (split.train, split.valid)]
    begins = [part.targets["time"].min() for part in (split.valid, split.test)]
    assert all(begin - end >= timedelta(days=7) for end, begin in zip(ends, begins, strict=True))


def test_an_unsorted_file_is_cut_by_time_all_the_same(world):
    shuffled = world.sample(fraction=1.0, shuffle=True, seed=1)

    split = solution.split(TableBatch(shuffled), FraudOptions(), 0)

    assert split.train.targets["time"].max() < split.test.targets["time"].min()


def test_only_the_last_days_are_learnt_from_when_asked(world):
    split = solution.split(TableBatch(world), FraudOptions(train_days=14), 0)

    time = split.train.targets["time"]
    assert time.max() - time.min() <= timedelta(days=14)
    assert split.train.start > 0


@pytest.mark.parametrize("label", [None, 0])
def test_labels_without_frauds_are_refused(world, label):
    empty = world.with_columns(pl.lit(label, dtype=pl.Int8).alias("is_fraud"))

    with pytest.raises(DataError, match=r"is_fraud|frauds"):
        solution.split(TableBatch(empty), FraudOptions(), 0)


def test_a_file_shorter_than_its_delays_is_refused(world):
    with pytest.raises(DataError, match="longer file"):
        solution.split(TableBatch(world.head(1500)), FraudOptions(), 0)
