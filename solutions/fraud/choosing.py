"""What the validation part decides: which model is shipped, its probability, when it alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_core.evaluate import calibrate
from ml_core.evaluate.metrics import average_precision
from ml_core.evaluate.threshold import by_budget
from solutions.fraud import baseline, bundle
from solutions.fraud.measures import FPRS
from solutions.fraud.options import DAY, FraudOptions

if TYPE_CHECKING:
    import xgboost as xgb

    from ml_core.typing import Float32Array, FloatArray, IntArray
    from solutions.fraud.features import Facts

SLOPES = (0.3, 3.0)  # of the calibration; a model that learnt well gives about 1


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the validation part decided."""

    shipped: bundle.Shipped
    calibration: calibrate.Sigmoid
    threshold: float
    fpr_thresholds: dict[str, float]
    figures: dict[str, float]


def choose(
    facts: Facts,
    valid: IntArray,
    network: Float32Array,
    trees: xgb.Booster,
    options: FraudOptions,
) -> Chosen:
    """Ship what ranks best on the validation part, and set its probability and threshold.

    Of what was learnt privately the network alone is shipped, however it ranks.
    """
    label = facts.ledger.fraud[valid]
    grown = baseline.log_odds(trees, facts.table[valid])
    joined = {name: s * network + (1 - s) * grown for name, s in bundle.SHARE.items()}
    found = {name: average_precision(label, score) for name, score in joined.items()}
    shipped = "network" if options.private else max(found, key=lambda name: found[name])
    calibration = steady_sigmoid(label, joined[shipped])
    score = calibration(joined[shipped])
    genuine = np.sort(score[label == 0])[::-1]
    fprs = {name: float(genuine[int(fpr * len(genuine))]) for name, fpr in FPRS.items()}
    threshold = alert_threshold(facts, valid, score, options)
    return Chosen(shipped, calibration, threshold, fprs, {f"{n}_ap": v for n, v in found.items()})


def steady_sigmoid(label: FloatArray, log_odds: Float32Array) -> calibrate.Sigmoid:
    """Calibrate, but keep order and scale where few frauds would turn or blow up the curve.

    Frauds that are separated without a mistake would get an endless slope, and all scores would
    become 0 or 1. The intercept then makes the mean probability the observed share.
    """
    fitted = calibrate.fit_sigmoid(label, log_odds)
    slope = float(np.clip(fitted.slope, *SLOPES))
    if slope == fitted.slope:
        return fitted
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        too_much = calibrate.Sigmoid(slope, middle)(log_odds).mean() > label.mean()
        low, high = (low, middle) if too_much else (middle, high)
    return calibrate.Sigmoid(slope, (low + high) / 2)


def alert_threshold(
    facts: Facts, valid: IntArray, score: FloatArray, options: FraudOptions
) -> float:
    """Alert as many payments a day as people can look at, if a look pays for itself."""
    time, label = facts.ledger.time[valid], facts.ledger.fraud[valid]
    days = max(1.0, (int(time.max()) - int(time.min())) / DAY)
    budget = by_budget(score, int(options.alerts_per_day * days)).value
    stake = options.recovered_share * float(facts.ledger.amount[valid][label > 0].mean())
    pays = options.review_cost / stake if stake > 0 else 1.0
    return min(max(budget, pays), 0.99)
