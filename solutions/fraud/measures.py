"""Figures that say how good scores are, on labelled payments that the model never saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_core.evaluate import metrics as m
from ml_core.evaluate.intervals import bootstrap
from solutions.fraud.options import DAY

if TYPE_CHECKING:
    from ml_core.typing import BoolArray, FloatArray, IntArray
    from solutions.api import Predictions, TableBatch

FPRS = {"0_1pct": 0.001, "0_3pct": 0.003, "1pct": 0.01}
DRAWS = 200


@dataclass(frozen=True, slots=True)
class Judged:
    """Payments with a label and a score, fit for measuring."""

    label: BoolArray
    score: FloatArray
    amount: FloatArray
    day: IntArray
    card: np.ndarray

    @property
    def has_both(self) -> bool:
        """Tell whether there are frauds and genuine payments, without which nothing is measured."""
        return bool(self.label.any() and not self.label.all())

    @property
    def n_days(self) -> int:
        """Days from the first to the last payment, at least one."""
        return int(self.day.max() - self.day.min()) + 1 if len(self.day) else 1

    @classmethod
    def of(cls, score: FloatArray, batch: TableBatch, seen: BoolArray | None = None) -> Judged:
        """Take the labelled targets that were not `seen`."""
        frame = batch.targets
        if "is_fraud" not in frame.columns:
            keep = np.zeros(frame.height, dtype=np.bool_)
            label = np.zeros(frame.height)
        else:
            keep = frame["is_fraud"].is_not_null().to_numpy()
            label = frame["is_fraud"].fill_null(0).to_numpy()
        if seen is not None:
            keep = keep & ~seen
        time = frame["time"].dt.timestamp("us").to_numpy()
        return cls(
            label=label[keep] > 0,
            score=score[keep],
            amount=frame["amount"].to_numpy()[keep],
            day=time[keep] // DAY,
            card=frame["card_id"].to_physical().to_numpy()[keep],
        )


def judged(predictions: Predictions, batch: TableBatch) -> Judged:
    """Take the labelled targets of predictions that were not seen in training."""
    frame = predictions.frame
    return Judged.of(frame["score"].to_numpy(), batch, frame["seen_in_training"].to_numpy())


def ranking(rows: Judged) -> dict[str, float]:
    """Measure the order of the scores alone: ap, auc, cp100."""
    if not rows.has_both:
        return {}
    return {
        "ap": m.average_precision(rows.label, rows.score),
        "auc": m.roc_auc(rows.label, rows.score),
        "cp100": m.card_precision_at_k(rows.day, rows.card, rows.score, rows.label, 100),
    }


def figures(predictions: Predictions, batch: TableBatch) -> dict[str, float]:
    """Measure the order, the probabilities, and the alerts at the thresholds of the bundle."""
    rows = judged(predictions, batch)
    if not rows.has_both:
        return {}
    facts = predictions.facts
    alert = rows.score >= _number(facts["threshold"])
    found = ranking(rows) | _alerts(rows, alert)
    found["calibration_error"] = m.expected_calibration_error(rows.label, rows.score)
    found["money_saved"] = money_saved(
        rows, alert, _number(facts["review_cost"]), _number(facts["recovered_share"])
    )
    thresholds = facts["fpr_thresholds"]
    assert isinstance(thresholds, dict)  # noqa: S101  written by the predictor itself
    for name, threshold in thresholds.items():
        caught = rows.score > threshold
        found[f"recall_fpr_{name}"] = float(caught[rows.label].mean())
        found[f"fpr_at_{name}"] = float(caught[~rows.label].mean())
    return found


def _alerts(rows: Judged, alert: BoolArray) -> dict[str, float]:
    return {
        "alerts_per_day": float(alert.sum() / rows.n_days),
        "alert_precision": float(rows.label[alert].mean()) if alert.any() else 0.0,
        "alert_recall": float(alert[rows.label].mean()),
        "value_recall": m.value_weighted_recall(rows.label, alert, rows.amount),
    }


def money_saved(rows: Judged, alert: BoolArray, review_cost: float, share: float) -> float:
    """Return what alerts save less what looking at them costs, in the file's currency."""
    return float(share * rows.amount[alert & rows.label].sum() - review_cost * alert.sum())


def intervals(rows: Judged, seed: int = 0) -> dict[str, float]:
    """Bound the ranking figures at 95 %, drawing whole cards: `ap_low`, `ap_high`, ..."""
    if not rows.has_both:
        return {}
    parts = {
        "ap": lambda at: m.average_precision(rows.label[at], rows.score[at]),
        "auc": lambda at: m.roc_auc(rows.label[at], rows.score[at]),
    }
    found: dict[str, float] = {}
    for name, figure in parts.items():
        interval = bootstrap(figure, rows.card, n_draws=DRAWS, seed=seed)
        found |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
    return found


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"A fact must be a number. Got {type(value).__name__}.")
    return float(value)
