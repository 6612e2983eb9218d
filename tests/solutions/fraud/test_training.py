"""Learning: what is sampled, chosen and calibrated."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ml_core.seed import generator
from ml_core.tracking.run import NullRun
from solutions.api import TableBatch
from solutions.bundle import PREPARATION
from solutions.fraud import baseline, solution
from solutions.fraud.choosing import steady_sigmoid
from solutions.fraud.features import FEATURES, compute
from solutions.fraud.ledger import Ledger
from solutions.fraud.options import DAY, FraudOptions
from solutions.fraud.training import thin_out


def test_all_frauds_and_hard_payments_are_kept_and_the_weights_add_up(world, monkeypatch):
    monkeypatch.setattr("solutions.fraud.training.FEWEST_EASY", 0)
    facts = compute(Ledger.of(world), 7 * DAY, NullRun())
    rows = np.arange(world.height)
    hard = np.zeros(world.height, dtype=bool)
    hard[:40] = True

    sample = thin_out(facts, rows, hard, FraudOptions(easy_share=0.2), generator(0))

    assert sample.label.sum() == world["is_fraud"].sum()
    assert set(range(40)) <= set(sample.rows.tolist())
    assert len(sample.rows) < world.height / 2
    assert sample.weight.sum() == pytest.approx(world.height, rel=0.05)


def test_a_perfect_separation_keeps_scores_apart():
    label = np.array([0.0] * 98 + [1.0] * 2)
    log_odds = np.linspace(-6, 4, 100, dtype=np.float32)

    score = steady_sigmoid(label, log_odds)(log_odds)

    assert len(np.unique(score)) == 100
    assert score.mean() == pytest.approx(label.mean(), abs=1e-3)


def test_a_curve_is_never_turned_round():
    label = np.array([1.0, 1.0] + [0.0] * 98)
    log_odds = np.linspace(-6, 4, 100, dtype=np.float32)

    score = steady_sigmoid(label, log_odds)(log_odds)

    assert (np.diff(score) > 0).all()


def test_bins_lie_where_the_trees_split():
    rng = np.random.default_rng(0)
    table = rng.uniform(size=(4000, 3)).astype(np.float32)
    label = (table[:, 1] > 0.7).astype(np.float64)
    trees = baseline.fit(table, label, np.ones(4000), run=NullRun(), threads=1, rounds=5)

    edges = baseline.edges(trees, 3, 4)

    assert edges.shape == (3, 4)
    assert edges[1] == pytest.approx(0.7, abs=0.02)
    assert (np.diff(edges, axis=1) >= 0).all()


@pytest.mark.slow
def test_no_delay_and_the_fewest_neighbours_work_too(world, tmp_path):
    options = FraudOptions(label_delay_days=0, neighbours=2, epochs=1, hidden=8)

    trained = solution.train(
        solution.split(TableBatch(world), options, 0), options, NullRun(), tmp_path
    )

    assert trained.metrics["ap"] > 0.05
    prepared = json.loads((tmp_path / PREPARATION).read_text())
    assert len(prepared["typical"]) == len(FEATURES)
