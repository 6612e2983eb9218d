"""Calibration, thresholds and intervals."""

import json

import numpy as np
import pytest

from ml_core.errors import ConfigError, DataError, Issue, ModelError
from ml_core.evaluate.calibrate import Sigmoid, fit_isotonic, fit_sigmoid, from_json
from ml_core.evaluate.intervals import bootstrap
from ml_core.evaluate.metrics import expected_calibration_error
from ml_core.evaluate.threshold import by_budget, by_cost


def skewed(n=20_000):
    rng = np.random.default_rng(0)
    score = rng.normal(size=n) * 2
    return rng.random(n) < 1 / (1 + np.exp(-(2 * score - 3))), score


@pytest.mark.parametrize("fit", [fit_isotonic, fit_sigmoid])
def test_calibrated_scores_are_probabilities_and_survive_json(fit):
    label, score = skewed()

    calibration = fit(label, score)
    again = from_json(json.loads(json.dumps(calibration.to_json())))

    assert again == calibration
    assert expected_calibration_error(label, again(score)) < 0.01
    assert np.all(np.diff(again(np.sort(score))) >= 0)


def test_a_sigmoid_finds_the_curve_and_never_overflows():
    calibration = fit_sigmoid(*skewed())

    assert (calibration.slope, calibration.intercept) == pytest.approx((2, -3), rel=0.1)
    assert Sigmoid(1, 0)([-1e9, 0, 1e9]).tolist() == [0, 0.5, 1]


@pytest.mark.parametrize("value", [{}, {"kind": "spline"}, {"kind": "sigmoid", "slope": "x"}])
def test_an_unknown_calibration_is_refused(value):
    with pytest.raises(ModelError, match="Train the model again"):
        from_json(value)


@pytest.mark.parametrize(("budget", "alerts"), [(0, 0), (1, 1), (2, 1), (3, 3), (4, 4), (9, 4)])
def test_a_budget_is_never_passed(budget, alerts):
    score = np.array([0.2, 0.9, 0.5, 0.5])

    threshold = by_budget(score, budget)

    assert threshold.n_alerts == alerts == (score >= threshold.value).sum()


def test_a_negative_budget_is_refused():
    with pytest.raises(ConfigError, match="0 or more"):
        by_budget([0.5], -1)


def test_the_cheapest_threshold_is_found():
    rng = np.random.default_rng(2)
    score = rng.integers(30, size=300) / 30
    label = rng.random(300) < score**2
    worth = rng.random(300) * 100

    def cost(value):
        alerted = score >= value
        return worth[label & ~alerted].sum() + 20 * alerted.sum()

    got = by_cost(label, score, missed=worth, alert=20)

    assert got.cost == pytest.approx(min(cost(value) for value in [*np.unique(score), 2]))
    assert got.cost == pytest.approx(cost(got.value))
    assert got.n_alerts == (score >= got.value).sum()


def test_nothing_is_alerted_when_looking_costs_more_than_it_saves():
    got = by_cost([1, 0], [0.9, 0.1], missed=5, alert=10)

    assert (got.n_alerts, got.cost) == (0, 5)
    assert got.value > 0.9


def test_groups_that_move_together_widen_the_interval():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(40), 50)
    values = rng.normal(size=40)[groups] + 0.1 * rng.normal(size=2000)

    grouped = bootstrap(lambda rows: values[rows].mean(), groups, seed=1)
    alone = bootstrap(lambda rows: values[rows].mean(), np.arange(2000), seed=1)

    assert grouped.low < grouped.value < grouped.high
    assert grouped.value == values.mean()
    assert grouped.high - grouped.low > 4 * (alone.high - alone.low)
    assert grouped.high - grouped.low == pytest.approx(2 * 1.96 / np.sqrt(40), rel=0.3)


def test_the_interval_is_the_same_for_the_same_seed():
    groups = np.array([3, 1, 1, 2])

    intervals = {bootstrap(lambda rows: rows.mean(), groups, n_draws=20, seed=7) for _ in "ab"}

    assert len(intervals) == 1


def test_a_draw_that_cannot_be_measured_is_left_out():
    def picky(rows):
        if 0 not in rows:
            raise DataError(Issue("one_class", "No."))
        return 1.0

    assert bootstrap(picky, [0, 1, 2], n_draws=50).low == 1.0
