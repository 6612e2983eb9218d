"""A fraud model that was learnt privately ships the network alone, and says what it promises."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ml_core.errors import ConfigError, ModelError
from ml_core.security import privacy
from ml_core.tracking.events import EventRun
from ml_core.tracking.run import NullRun
from solutions.api import TableBatch
from solutions.fraud import bundle, solution
from solutions.fraud.features import compute
from solutions.fraud.ledger import Ledger
from solutions.fraud.options import DAY, FraudOptions
from solutions.fraud.simulate import simulate
from solutions.fraud.training import hard_sample, plain_sample

PRIVATE = FraudOptions(
    epochs=1, hidden=8, neighbours=2, private=True, epsilon=5.0, delta=1e-5, easy_share=0.1
)


@pytest.fixture(scope="module")
def small():
    return simulate(60, 30, 60, trouble=6.0, seed=1)


@pytest.fixture(scope="module")
def learnt(small, tmp_path_factory):
    pytest.importorskip("opacus")
    out = tmp_path_factory.mktemp("private")
    return solution.train(solution.split(TableBatch(small), PRIVATE, 0), PRIVATE, NullRun(), out)


def test_the_card_tells_epsilon_delta_unit_and_what_is_not_covered(learnt):
    card = json.loads((learnt.bundle / "card.json").read_text())

    told = card["privacy"]
    assert 4.5 < told["epsilon"] <= 5.0
    assert told["delta"] == 1e-5
    assert "one payment" in told["unit"]
    assert any(
        "features and neighbours of later payments" in words for words in told["not_covered"]
    )
    assert (card["shipped"], "privately" in card["shipped_why"]) == ("network", True)


def test_nothing_that_knows_single_payments_is_in_the_bundle(learnt, small):
    """Neither trees that were grown without privacy, nor marks of the payments learnt from."""
    files = {path.name for path in learnt.bundle.iterdir()}
    predictor = solution.load(learnt.bundle, "cpu")

    assert bundle.BASELINE not in files
    assert len(predictor.seen.marks) == 0
    with pytest.raises(ModelError, match="learnt privately"):
        predictor.baseline(TableBatch(small))


def test_figures_are_of_unseen_payments_all_the_same(learnt, small):
    predictor = solution.load(learnt.bundle, "cpu")
    split = solution.split(TableBatch(small), PRIVATE, 0)

    seen = predictor.predict(split.train).frame["seen_in_training"]
    new = predictor.predict(split.test).frame["seen_in_training"]

    assert seen.all()
    assert not new.any()
    assert {"ap", "baseline_ap"} <= set(learnt.metrics)


@pytest.fixture
def facts(small, monkeypatch):
    """Return the facts of so many payments that the easy ones are thinned out."""
    monkeypatch.setattr("solutions.fraud.training.FEWEST_EASY", 0)
    return compute(Ledger.of(small), 7 * DAY, NullRun())


def rows_of(sample, facts, run):
    return sample(facts, np.arange(len(facts.table)), PRIVATE, run).rows.tolist()


def test_nobody_can_work_out_from_the_seed_which_payments_were_learnt_from(facts):
    """Or who takes one payment away would know that all later ones were drawn otherwise."""
    assert rows_of(plain_sample, facts, NullRun()) != rows_of(plain_sample, facts, NullRun())
    assert rows_of(hard_sample, facts, NullRun()) == rows_of(hard_sample, facts, NullRun())


def test_an_attempt_after_a_crash_goes_on_with_the_same_payments(facts, tmp_path):
    first, second, other = (
        rows_of(plain_sample, facts, EventRun(print, checkpoints=folder))
        for folder in (tmp_path / "a", tmp_path / "a", tmp_path / "b")
    )

    assert first == second != other


def test_without_the_extra_it_is_refused_before_anything_is_learnt(small, tmp_path, monkeypatch):
    def missing():
        raise ConfigError("Install the extra.")

    monkeypatch.setattr(privacy, "require_opacus", missing)

    with pytest.raises(ConfigError, match="extra"):
        solution.train(solution.split(TableBatch(small), PRIVATE, 0), PRIVATE, NullRun(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_model_that_was_not_learnt_privately_claims_nothing(trained):
    card = json.loads((trained.bundle / "card.json").read_text())

    assert "privacy" not in card
