"""A loaded model: the same answer for the same payment, however it comes."""

from __future__ import annotations

import json
from copy import copy
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from ml_core.errors import ModelError
from ml_core.tracking.run import NullRun
from solutions.api import TableBatch
from solutions.blocks import KINDS
from solutions.bundle import CARD, PREPARATION
from solutions.fraud import bundle, solution
from solutions.fraud.bundle import SeenPayments


def with_labels_flipped(frame, where):
    label = pl.col("is_fraud")
    return frame.with_columns(is_fraud=pl.when(where).then(1 - label).otherwise(label))


def scores(predictor, frame, start=0, stop=None):
    return predictor.predict(TableBatch(frame, start, stop)).frame


def test_a_row_alone_is_scored_as_in_company(predictor, world):
    whole = scores(predictor, world)

    alone = [scores(predictor, world, row, row + 1) for row in (0, 700, world.height - 1)]

    for row, one in zip((0, 700, world.height - 1), alone, strict=True):
        assert one["score"][0] == pytest.approx(whole["score"][row], abs=1e-6)


def test_flipping_young_labels_moves_no_score(predictor, world):
    cut = world["time"].max() - timedelta(days=7)
    flipped = with_labels_flipped(world, pl.col("time") > cut)
    start = int((world["time"] <= cut).sum())

    before, after = scores(predictor, world, start), scores(predictor, flipped, start)

    assert before["score"].equals(after["score"])


def test_later_payments_change_no_score(predictor, world):
    half = world.height // 2

    whole, cut = scores(predictor, world, 0, half), scores(predictor, world.head(half))

    np.testing.assert_allclose(whole["score"], cut["score"], atol=1e-6)


def test_unseen_cards_and_terminals_get_a_score(predictor, world):
    strangers = world.head(50).with_columns(
        pl.lit("new card").alias("card_id"), pl.lit("new terminal").alias("terminal_id")
    )

    found = scores(predictor, strangers)

    assert found["score"].is_between(0, 1).all()


def test_whatever_is_shipped_is_served(predictor, world):
    for shipped in bundle.SHARE:
        other = solution_with(predictor, shipped)

        assert other.predict(TableBatch(world, 0, 20)).frame["score"].is_finite().all()


def solution_with(predictor, shipped):
    other = copy(predictor)
    other.preparation = predictor.preparation.model_copy(update={"shipped": shipped})
    return other


def test_the_facts_of_one_frame_are_not_used_for_another(predictor, world):
    scores(predictor, world)
    other = world.with_columns(pl.col("amount") * 7)

    fresh = scores(solution.load(predictor.folder), other)

    assert scores(predictor, other)["score"].equals(fresh["score"])


def test_payments_of_the_training_are_told_and_left_out_of_figures(predictor, trained, world):
    card = json.loads((trained.bundle / CARD).read_text())
    predictions = predictor.predict(TableBatch(world))

    seen = predictions.frame["seen_in_training"].to_numpy()
    late = (world["time"].dt.to_string("%Y-%m-%dT%H:%M:%S.%6f") > card["trained_until"]).to_numpy()

    assert seen[~late].all()
    assert not seen[late].any()
    assert (
        solution.evaluate(predictor.predict(TableBatch(world, 0, 500)), TableBatch(world, 0, 500))
        == {}
    )


def test_a_stranger_is_hardly_ever_taken_for_a_seen_payment():
    rng = np.random.default_rng(0)
    time = np.sort(rng.integers(0, 10**13, 50_000))
    seen = SeenPayments.of(time, rng.uniform(1, 100, 50_000))

    strangers = seen(time + 1, rng.uniform(1, 100, 50_000))

    assert strangers.mean() < 0.001


def test_the_report_tells_numbers_charts_and_what_was_seen(predictor, world):
    batch = TableBatch(world)

    blocks = solution.report(predictor.predict(batch), batch).to_json()

    assert {block["kind"] for block in blocks} <= KINDS
    titles = [block["title"] for block in blocks]
    assert "Money at risk" in titles
    assert "Precision and recall" in titles
    assert "Some payments were part of the training" in titles
    json.dumps(blocks, allow_nan=False)


def test_the_report_of_unlabelled_payments_says_what_is_missing(predictor, world):
    batch = TableBatch(world.with_columns(pl.lit(None, dtype=pl.Int8).alias("is_fraud")))

    titles = [block.title for block in solution.report(predictor.predict(batch), batch).blocks]

    assert "No figures of quality" in titles
    assert "Precision and recall" not in titles


def test_alerts_keep_to_the_budget_on_the_days_they_were_chosen_for(trained):
    card = json.loads((trained.bundle / CARD).read_text())

    assert card["metrics"]["alerts_per_day"] <= 2 * card["options"]["alerts_per_day"]


def test_an_alert_is_explained_as_it_was_known_then(predictor, world):
    row = 900
    batch = TableBatch(world, 100)

    report = solution.explain(predictor, [row - 100], batch, NullRun())[row - 100]

    number, reasons, timeline, graph = report.blocks
    assert number.value == pytest.approx(scores(predictor, world)["score"][row], abs=1e-6)
    assert all(reason.text for reason in reasons.reasons)
    moment = world["time"][row].isoformat()
    assert all(event.at.rstrip("Z") <= moment for event in timeline.events)
    assert [event.current for event in timeline.events][-1]
    names = {node.id for node in graph.nodes}
    assert {edge.source for edge in graph.edges} | {edge.target for edge in graph.edges} <= names


def test_no_outcome_younger_than_the_delay_is_shown(predictor, world):
    row = world.height - 1
    young = world["time"] > world["time"][row] - timedelta(days=7)

    report = solution.explain(predictor, [row], TableBatch(world), NullRun())[row]

    earliest = world.filter(young)["time"].min().isoformat()
    shown = [event for event in report.blocks[2].events if event.at.rstrip("Z") >= earliest]
    assert all(event.tone in {"neutral", "warning"} for event in shown)


def test_a_bundle_of_other_features_is_refused(trained, tmp_path):
    text = (trained.bundle / PREPARATION).read_text()
    (tmp_path / PREPARATION).write_text(text.replace('"hour_sin"', '"other"', 1))

    with pytest.raises(ModelError, match="features"):
        bundle.Preparation.load(tmp_path)


def test_the_baseline_stands_beside_in_the_card(trained):
    card = json.loads((trained.bundle / CARD).read_text())

    assert {"baseline_ap", "baseline_ap_low", "ap_low", "ap_high"} <= set(card["metrics"])
    assert card["shipped"] in bundle.SHARE
    assert all(card[name] for name in ("licence", "limits", "data_origin"))
