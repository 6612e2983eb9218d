"""Figures by which scores of a rare class are judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import metrics as sk

from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import ArrayLike, NDArray

    from ml_core.typing import BoolArray, FloatArray


def average_precision(label: ArrayLike, score: ArrayLike) -> float:
    """Return the mean precision over all recalls, the area under the step curve.

    Shapes: label (n,) of 0 and 1, score (n,). Raises: DataError: if a class is missing.
    """
    return float(sk.average_precision_score(*_pair(label, score)))


def roc_auc(label: ArrayLike, score: ArrayLike) -> float:
    """Return the chance that a positive scores above a negative, ties counted half.

    Shapes: label (n,) of 0 and 1, score (n,). Raises: DataError: if a class is missing.
    """
    return float(sk.roc_auc_score(*_pair(label, score)))


def precision_recall_curve(
    label: ArrayLike, score: ArrayLike, *, points: int = 200
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return recall, precision and threshold, recall rising, thinned to about `points`.

    Shapes: label (n,), score (n,) -> three arrays (m,), m <= points + 1.
    Raises: DataError: if a class is missing.
    """
    precision, recall, threshold = sk.precision_recall_curve(*_pair(label, score))
    # The last pair (recall 0, precision 1) belongs to no threshold.
    recall, precision, threshold = recall[-2::-1], precision[-2::-1], threshold[::-1]
    grid = np.linspace(0, recall[-1], points)
    kept = np.unique(np.append(np.searchsorted(recall, grid), len(recall) - 1))
    return recall[kept], precision[kept], threshold[kept]


def recall_at_fpr(label: ArrayLike, score: ArrayLike, fpr: float) -> float:
    """Return the largest recall whose false-positive rate is at most `fpr`.

    Shapes: label (n,), score (n,). Raises: DataError: if a class is missing.
    """
    false, true, _ = sk.roc_curve(*_pair(label, score), drop_intermediate=False)
    return float(true[np.searchsorted(false, fpr, side="right") - 1])


def card_precision_at_k(  # noqa: PLR0913  the definition has these parts
    day: ArrayLike,
    card: ArrayLike,
    score: ArrayLike,
    label: ArrayLike,
    k: int,
    *,
    known: Collection[Any] = (),
    remove_detected: bool = True,
) -> float:
    """Return the mean over days of (compromised cards among the k most suspicious) / k.

    A card's score of a day is its highest; it is compromised if any of its rows is. `known`
    cards are left out; with `remove_detected` a card found on one day is left out later.

    Shapes: day, card, score, label (n,); day and card of any type that sorts.
    Source: Le Borgne et al., "Reproducible Machine Learning for Credit Card Fraud Detection"
    (2022), chapter 4, "Precision top-k metrics". Ties go to the smaller card, not to chance.
    """
    names, codes = np.unique(np.asarray(card), return_inverse=True)
    label, score = _pair(label, score, both=False)
    gone = np.isin(names, list(known)) if known else np.zeros(len(names), dtype=np.bool_)
    days = np.asarray(day)
    figures = []
    for today in np.unique(days):
        rows = np.flatnonzero((days == today) & ~gone[codes])
        found = _compromised(codes[rows], score[rows], label[rows], k)
        figures.append(len(found) / k)
        if remove_detected:
            gone[found] = True
    return float(np.mean(figures)) if figures else float("nan")


def _compromised(
    card: NDArray[np.int64], score: FloatArray, label: BoolArray, k: int
) -> NDArray[np.int64]:
    cards, codes = np.unique(card, return_inverse=True)
    highest = np.full(len(cards), -np.inf)
    np.maximum.at(highest, codes, score)
    is_bad = np.zeros(len(cards), dtype=np.bool_)
    np.logical_or.at(is_bad, codes, label)
    top = np.argsort(-highest, kind="stable")[:k]
    return cards[top[is_bad[top]]]


def value_weighted_recall(label: ArrayLike, alert: ArrayLike, value: ArrayLike) -> float:
    """Return the share of the positives' value that was alerted; NaN if there is no value.

    Shapes: label (n,), alert (n,) of bool, value (n,) in any currency.
    """
    positive, alerted = np.asarray(label, dtype=np.bool_), np.asarray(alert, dtype=np.bool_)
    worth = np.asarray(value, dtype=np.float64)
    total = worth[positive].sum()
    return float(worth[positive & alerted].sum() / total) if total else float("nan")


def brier(label: ArrayLike, probability: ArrayLike) -> float:
    """Return the mean squared distance of probabilities from the truth; 0 is perfect.

    Shapes: label (n,), probability (n,) in 0..1.
    """
    truth, chance = _pair(label, probability, both=False)
    return float(np.mean((chance - truth) ** 2))


def expected_calibration_error(
    label: ArrayLike, probability: ArrayLike, *, bins: int = 15
) -> float:
    """Return the mean distance of promised from observed rates, over bins of equal count.

    Bins of equal width would put nearly all rows of a rare class into the first.

    Shapes: label (n,), probability (n,) in 0..1.
    Source: Nixon et al., "Measuring Calibration in Deep Learning" (2019), adaptive binning.
    """
    truth, chance = _pair(label, probability, both=False)
    order = np.argsort(chance, kind="stable")
    pieces = [piece for piece in np.array_split(order, bins) if len(piece)]
    gaps = [len(p) * abs(float(chance[p].mean()) - float(truth[p].mean())) for p in pieces]
    return sum(gaps) / len(order)


def _pair(label: ArrayLike, score: ArrayLike, *, both: bool = True) -> tuple[BoolArray, FloatArray]:
    truth = np.asarray(label).astype(np.bool_)
    scores = np.asarray(score, dtype=np.float64)
    if truth.shape != scores.shape or truth.ndim != 1 or not len(truth):
        message = (
            "Labels and scores must be two equally long columns, not empty. "
            f"Got shapes {truth.shape} and {scores.shape}. Give one score for each label."
        )
        raise DataError(Issue("shape", message))
    if both and (truth.all() or not truth.any()):
        message = (
            "Labels must have both classes to be measured. Got one class. "
            "Choose a longer stretch of data."
        )
        raise DataError(Issue("one_class", message))
    return truth, scores
