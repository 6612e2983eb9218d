"""Figures against small cases done by hand, and against the handbook's own words."""

import numpy as np
import polars as pl
import pytest

from ml_core.errors import DataError
from ml_core.evaluate import metrics as m

LABEL = np.array([0, 0, 1, 1, 0, 1])
SCORE = np.array([0.1, 0.4, 0.35, 0.8, 0.2, 0.9])


def test_average_precision_is_the_mean_precision_at_each_hit():
    assert m.average_precision(LABEL, SCORE) == pytest.approx((1 + 1 + 3 / 4) / 3)


def test_auc_counts_pairs():
    assert m.roc_auc(LABEL, SCORE) == pytest.approx(8 / 9)


def test_recall_at_fpr_keeps_below_the_rate():
    assert m.recall_at_fpr(LABEL, SCORE, 0.0) == pytest.approx(2 / 3)
    assert m.recall_at_fpr(LABEL, SCORE, 0.34) == pytest.approx(1.0)
    assert m.recall_at_fpr(LABEL, SCORE, 0.33) == pytest.approx(2 / 3)


def test_the_precision_recall_curve_rises_in_recall_and_is_thin():
    rng = np.random.default_rng(0)
    label, score = rng.random(5000) < 0.1, rng.random(5000)

    recall, precision, threshold = m.precision_recall_curve(label, score, points=50)

    assert len(recall) == len(precision) == len(threshold) <= 51
    assert np.all(np.diff(recall) >= 0)
    assert np.all(np.diff(threshold) < 0)
    assert recall[-1] == 1.0
    middle = len(recall) // 2
    alerted = score >= threshold[middle]
    assert precision[middle] == pytest.approx(label[alerted].mean())
    assert recall[middle] == pytest.approx((label & alerted).sum() / label.sum())


def plain_card_precision(frame, k):
    """Follow the handbook day by day: the slow, clear form."""
    found, figures = set(), []
    for day in frame["day"].unique().sort():
        today = frame.filter((pl.col("day") == day) & ~pl.col("card").is_in(list(found)))
        cards = today.group_by("card").agg(pl.col("score").max(), pl.col("label").max())
        top = cards.sort(["score", "card"], descending=[True, False]).head(k)
        bad = top.filter(pl.col("label") == 1)["card"].to_list()
        figures.append(len(bad) / k)
        found |= set(bad)
    return np.mean(figures)


@pytest.mark.parametrize("k", [1, 5, 40])
def test_card_precision_follows_the_handbook(k):
    rng = np.random.default_rng(4)
    n = 2000
    frame = pl.DataFrame(
        {
            "day": rng.integers(7, size=n),
            "card": rng.integers(60, size=n),
            "score": rng.integers(200, size=n) / 200,
            "label": (rng.random(n) < 0.05).astype(int),
        }
    )

    got = m.card_precision_at_k(*(frame[name].to_numpy() for name in frame.columns), k)

    assert got == pytest.approx(plain_card_precision(frame, k))


def test_cards_known_before_are_left_out():
    day, card = np.zeros(3), np.array(["a", "b", "c"])
    score, label = np.array([0.9, 0.8, 0.1]), np.array([1, 1, 0])

    assert m.card_precision_at_k(day, card, score, label, 2) == 1.0
    assert m.card_precision_at_k(day, card, score, label, 2, known={"a"}) == 0.5


def test_value_weighted_recall_counts_money():
    assert m.value_weighted_recall([1, 1, 0], [True, False, True], [30, 10, 99]) == 0.75
    assert np.isnan(m.value_weighted_recall([0, 0], [True, False], [1, 2]))


def test_calibration_error_is_small_for_honest_probabilities():
    rng = np.random.default_rng(1)
    chance = rng.random(40_000) ** 4
    label = rng.random(40_000) < chance

    assert m.expected_calibration_error(label, chance) < 0.01
    assert m.expected_calibration_error(label, np.minimum(1, chance + 0.2)) > 0.1
    assert m.brier(label, chance) < m.brier(label, np.minimum(1, chance + 0.2))


@pytest.mark.parametrize("figure", [m.average_precision, m.roc_auc, m.precision_recall_curve])
@pytest.mark.parametrize(
    ("label", "score"),
    [([0, 0], [1, 2]), ([1, 1], [1, 2]), ([], []), ([0, 1], [1])],
    ids=["no positive", "no negative", "empty", "uneven"],
)
def test_what_cannot_be_measured_is_refused(figure, label, score):
    with pytest.raises(DataError):
        figure(label, score)
