"""The gate: which rows count, and what is said."""

from __future__ import annotations

import polars as pl
import pytest

from apps.schedules.gate import LEAST_ROWS, UNKNOWN, by_bytes, held_out
from ml_core.data.media import MemoryMedia
from ml_core.data.schema import Column, Schema
from ml_core.tracking.run import NullRun
from solutions.api import Metric, TableBatch
from solutions.gate import HeldOut, Rule, judge, measured
from tests.apps.tiny_solution import SCHEMA, solution
from tests.apps.workshop import payments

UP = Metric("ap", "Average precision", "")
DOWN = Metric("loss", "Loss", "", higher_is_better=False)
COLUMNS = {
    "payment_id": Column("payment_id", "id", "Payment", "Its name.", role="key"),
    "picture": Column("picture", "image", "Picture", "What is seen."),
    "question": Column("question", "text", "Question", "What is asked."),
    "kind": Column("kind", "category", "Kind", "Of which kind.", required=False),
    "answer": Column("answer", "category", "Answer", "The truth.", role="label"),
}
ROWS = HeldOut(TableBatch(payments(80)), None, "")


def rule(metric=UP, min_gain=0.0, *, must_be_sure=False, most_loss=None) -> Rule:
    return Rule(metric, min_gain, must_be_sure, most_loss)


@pytest.mark.parametrize(
    ("given", "ours", "theirs", "passed", "words"),
    [
        (rule(), {"ap": 0.8}, {"ap": 0.7}, True, "0.800 of the challenger against 0.700"),
        (rule(), {"ap": 0.7}, {"ap": 0.7}, False, "not better"),
        (rule(), {"ap": 0.41}, {"ap": 0.74}, False, "not better"),
        (rule(min_gain=0.1), {"ap": 0.8}, {"ap": 0.7}, True, "on 80 rows"),
        (rule(min_gain=0.1), {"ap": 0.79}, {"ap": 0.7}, False, "by less than 0.1"),
        (rule(DOWN), {"loss": 0.2}, {"loss": 0.3}, True, "0.200 of the challenger"),
        (rule(DOWN), {"loss": 0.3}, {"loss": 0.2}, False, "not better"),
        (rule(), {}, {"ap": 0.7}, False, "of the challenger could not be measured"),
        (rule(), {"ap": 0.7}, {"ap": None}, False, "of the live model could not be measured"),
    ],
)
def test_it_compares_by_the_figure_that_decides(given, ours, theirs, passed, words):
    verdict = judge(given, ours, theirs, ROWS)

    assert verdict.passed is passed
    assert words in verdict.words


@pytest.mark.parametrize(
    ("ours", "passed", "words"),
    [
        ({"ap": 0.8, "ap_low": 0.75, "ap_high": 0.85}, True, "outside"),
        ({"ap": 0.8, "ap_low": 0.65, "ap_high": 0.85}, False, "lies within"),
        ({"ap": 0.8}, False, "no interval"),
    ],
)
def test_it_can_ask_to_be_sure(ours, passed, words):
    verdict = judge(rule(must_be_sure=True), ours, {"ap": 0.7}, ROWS)

    assert verdict.passed is passed
    assert words in verdict.words


@pytest.mark.parametrize(
    ("given", "ours", "passed", "words"),
    [
        (rule(most_loss=0.02), {"ap": 0.69}, True, "not worse by more than 0.02"),
        (rule(most_loss=0.01), {"ap": 0.69}, True, "not worse by more than 0.01"),
        (rule(most_loss=0.01), {"ap": 0.68}, False, "worse by more than 0.01"),
        (rule(most_loss=0.0), {"ap": 0.7}, True, "not worse"),
        (rule(most_loss=0.02, must_be_sure=True), {"ap": 0.7, "ap_low": 0.69}, True, "surely"),
        (rule(most_loss=0.02, must_be_sure=True), {"ap": 0.7, "ap_low": 0.6}, False, "reaches"),
        (rule(most_loss=0.02, must_be_sure=True), {"ap": 0.7}, False, "no interval"),
        (rule(DOWN, most_loss=0.1), {"loss": 0.78}, True, "not worse"),
        (rule(DOWN, most_loss=0.1), {"loss": 0.81}, False, "worse by more"),
    ],
)
def test_it_can_ask_for_no_more_loss_than_this(given, ours, passed, words):
    verdict = judge(given, ours, {"ap": 0.7, "loss": 0.7}, ROWS)

    assert verdict.passed is passed
    assert words in verdict.words


def test_rows_that_the_live_model_learned_from_are_left_out():
    frame = payments(200).drop("row")

    found = held_out(TableBatch(frame, start=50), frame.slice(50, 60), SCHEMA)

    assert found.n_rows == 90
    assert "60 rows" in found.note


@pytest.mark.parametrize(
    ("names", "n_left"),
    [
        (("picture", "question", "answer"), 60),
        (("question", "answer"), 60),
        (("payment_id", "picture", "question", "answer"), 60),
    ],
)
def test_a_row_is_known_again_whatever_people_have_said_of_it_since(names, n_left):
    """By its key, else by its picture, else by all that was asked."""
    schema = Schema(tuple(COLUMNS[name] for name in names))
    rows = pl.DataFrame({name: [f"{name} {i}" for i in range(100)] for name in names})
    # Forty of these rows the live model has learned, under labels that were corrected since.
    learned = rows.head(40).with_columns(answer=pl.lit("as it was"))
    if len(names) > 2:
        learned = learned.with_columns(question=pl.lit("What else?"))
    files = MemoryMedia({f"picture {i}": f"pixels {i}".encode() for i in range(100)})

    found = held_out(TableBatch(rows, media=files), by_bytes(learned, files, schema), schema)

    assert found.n_rows == n_left
    assert "40 rows" in found.note


def test_a_picture_is_known_again_by_its_bytes_and_not_by_its_name():
    schema = Schema((COLUMNS["picture"], COLUMNS["answer"]))
    names = [f"IMG_{i:04}.jpg" for i in range(100)]
    rows = pl.DataFrame({"picture": names, "answer": "yes"})
    today = MemoryMedia({name: f"today {name}".encode() for name in names})
    # The first thirty of today were learned from under other names; yesterday's are others.
    sent_before = {f"copy of {name}": today.files[name] for name in names[:30]}
    yesterday = MemoryMedia(dict.fromkeys(names[:90], b"yesterday") | sent_before)
    learned = pl.DataFrame({"picture": list(yesterday.files), "answer": "yes"})

    found = held_out(TableBatch(rows, media=today), by_bytes(learned, yesterday, schema), schema)

    assert found.n_rows == 70
    assert "30 rows" in found.note


def test_tables_of_other_optional_columns_are_compared_by_what_both_have():
    schema = Schema(tuple(COLUMNS[name] for name in ("question", "kind", "answer")))
    rows = pl.DataFrame({"question": [f"q{i}" for i in range(100)], "answer": ["yes"] * 100})
    learned = rows.head(30).with_columns(kind=pl.lit("count"))

    assert held_out(TableBatch(rows), learned, schema).n_rows == 70
    assert held_out(TableBatch(rows), rows.select("answer"), schema).note == UNKNOWN


def test_where_too_few_would_be_left_all_count_and_it_is_said():
    frame = payments(100).drop("row")

    found = held_out(TableBatch(frame), frame.head(100 - LEAST_ROWS + 1), SCHEMA)

    assert found.fair is None
    assert found.n_rows == 100
    assert "speaks for it" in found.note


def test_what_nobody_knows_is_said():
    assert "cannot be read again" in held_out(TableBatch(payments(60)), None, SCHEMA).note


def test_both_are_measured_on_the_same_rows_with_all_that_came_before():
    class Keeper:
        def predict(self, batch, run, settings=None):
            self.seen = batch
            amounts = batch.targets["amount"]
            frame = pl.DataFrame({"score": amounts, "alert": amounts > 70})
            return type("P", (), {"frame": frame, "facts": {}})()

    frame = (
        payments(200)
        .drop("row")
        .with_columns(
            is_bad=pl.when(pl.int_range(pl.len()) < 110).then(0).otherwise("is_bad").cast(pl.Int8)
        )
    )
    found = held_out(TableBatch(frame, start=50), frame.slice(50, 60), SCHEMA)
    keeper = Keeper()

    figures = measured(solution, keeper, found, NullRun())

    assert (keeper.seen.start, keeper.seen.frame.height) == (50, 200)
    assert figures["accuracy"] == 1.0  # the wrong labels lie among the rows left out
