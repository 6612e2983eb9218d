"""Protocols A and B for card fraud: train on the past, keep the label delay, test on a week.

    python benchmarks/fraud_protocol.py --data FILE.parquet --protocol A --seeds 0,1,2

A is one test week, B four. A file that covers the dates of the published tables is cut there; any
other ends with its last test week. Learning takes all history: the network is chosen on the week
that ends with the label delay before the test week, and learns from what lies a delay before that.
Cards known as compromised before a test day are left out of it. The model is trained, loaded and
asked through the public code of the solution.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time as clock
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import mean

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from typing import TYPE_CHECKING

from benchmarks._record import payments, record
from ml_core.evaluate import metrics as m
from ml_core.tracking.console import ConsoleRun
from solutions.api import Split, TableBatch
from solutions.fraud import solution
from solutions.fraud.measures import FPRS, Judged, intervals, money_saved
from solutions.tables import read_table

if TYPE_CHECKING:
    import numpy as np

DELAY, WEEK = timedelta(days=7), timedelta(days=7)
FIRST = date(2018, 8, 8)  # of the published test weeks
N_WEEKS = {"A": 1, "B": 4}
PUBLISHED = {  # the best published figure of each column; see the Fraud Detection Handbook
    "A": {"published_ap": 0.658, "published_auc": 0.871, "published_cp100": 0.291},
    "B": {"published_ap": 0.687, "published_auc": 0.879, "published_cp100": 0.305},
}


@dataclass(frozen=True, slots=True)
class Fold:
    """One test week: the split, and which of its test rows count."""

    split: Split
    counted: np.ndarray  # (test rows,)


def test_weeks(frame: pl.DataFrame, protocol: str) -> list[date]:
    """Return the first days of the test weeks."""
    first, last = frame["time"].min().date(), frame["time"].max().date()
    n = N_WEEKS[protocol]
    start = FIRST
    if first > FIRST - 4 * WEEK or last < FIRST + n * WEEK - timedelta(days=1):
        start = last + timedelta(days=1) - n * WEEK
    return [start + number * WEEK for number in range(n)]


def cut(frame: pl.DataFrame, start: date) -> Fold:
    """Cut train, valid and test around a test week; nothing after the week is kept."""

    def between(begin: datetime, end: datetime) -> TableBatch:
        low, high = (int(past["time"].search_sorted(at, side="left")) for at in (begin, end))
        return TableBatch(past, low, high)

    test = datetime(start.year, start.month, start.day)  # noqa: DTZ001  UTC without a zone
    past = frame.filter(pl.col("time") < test + WEEK)
    valid = test - DELAY - WEEK
    split = Split(
        train=between(past["time"].min(), valid - DELAY),
        valid=between(valid, valid + WEEK),
        test=between(test, test + WEEK),
        how=f"Test week from {start}; learnt from all labels known a delay before.",
    )
    return Fold(split, ~_compromised(past, split.test, test))


def _compromised(past: pl.DataFrame, batch: TableBatch, test: datetime) -> np.ndarray:
    """Mark test rows of cards whose fraud was known before their day.

    Known are the frauds of the published training week, then day by day those of the delay.
    """
    frauds = past.filter(
        (pl.col("is_fraud") == 1) & (pl.col("time") >= test - DELAY - WEEK)
    ).select("card_id", known=pl.col("time").dt.date() + DELAY + timedelta(days=1))
    first_known = frauds.group_by("card_id").agg(pl.col("known").min())
    rows = batch.targets.select("card_id", day=pl.col("time").dt.date())
    joined = rows.join(first_known, on="card_id", how="left", maintain_order="left")
    return (
        joined.select((pl.col("known") <= pl.col("day")).fill_null(value=False))
        .to_series()
        .to_numpy()
    )


def measure(fold: Fold, seed: int) -> dict[str, float]:
    """Train, load, predict and measure one fold."""
    began = clock.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = ConsoleRun(seed=seed)
        trained = solution.train(fold.split, solution.options(), run, Path(folder))
        train_s = clock.perf_counter() - began
        predictor = solution.load(trained.bundle)
    test, left_out = fold.split.test, ~fold.counted
    predictions = predictor.predict(test)
    rows = Judged.of(predictions.frame["score"].to_numpy(), test, left_out)
    beside = Judged.of(predictor.baseline(test), test, left_out)
    found = {"train_s": train_s, "test_rows": len(rows.label), "test_frauds": rows.label.sum()}
    found |= _ranking(rows) | {f"baseline_{n}": v for n, v in _ranking(beside).items()}
    return found | _alerting(rows, predictions.facts) | _unseen(rows, fold)


def _ranking(rows: Judged) -> dict[str, float]:
    found = {
        "ap": m.average_precision(rows.label, rows.score),
        "auc": m.roc_auc(rows.label, rows.score),
        "cp100": m.card_precision_at_k(rows.day, rows.card, rows.score, rows.label, 100),
    }
    for name, fpr in FPRS.items():
        found[f"recall_fpr_{name}"] = m.recall_at_fpr(rows.label, rows.score, fpr)
    return found | intervals(rows)


def _alerting(rows: Judged, facts: dict[str, object]) -> dict[str, float]:
    """Measure at thresholds that were fixed on the validation week."""
    found = {}
    for name, threshold in facts["fpr_thresholds"].items():
        caught = rows.score > threshold
        found[f"recall_valid_fpr_{name}"] = caught[rows.label].mean()
        found[f"fpr_valid_fpr_{name}"] = caught[~rows.label].mean()
    alert = rows.score >= facts["threshold"]
    saved = money_saved(rows, alert, facts["review_cost"], facts["recovered_share"])
    return found | {
        "alerts_per_day": alert.sum() / rows.n_days,
        "alert_precision": rows.label[alert].mean() if alert.any() else 0.0,
        "value_recall": m.value_weighted_recall(rows.label, alert, rows.amount),
        "money_saved": saved,
        "money_lost_without": rows.amount[rows.label].sum(),
        "calibration_error": m.expected_calibration_error(rows.label, rows.score),
    }


def _unseen(rows: Judged, fold: Fold) -> dict[str, float]:
    """Measure cards that training never saw, where there are enough of them."""
    seen = fold.split.train.targets["card_id"].unique().implode()
    new = ~fold.split.test.targets["card_id"].is_in(seen).to_numpy()[fold.counted]
    found = {"unseen_rows": new.sum(), "unseen_frauds": rows.label[new].sum()}
    if rows.label[new].sum() >= 5:
        found["unseen_ap"] = m.average_precision(rows.label[new], rows.score[new])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="Parquet file of payments")
    parser.add_argument("--protocol", choices=sorted(N_WEEKS), default="A")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    data = payments(given.data)
    if data is None:
        return
    seeds = [int(seed) for seed in given.seeds.split(",")]
    frame = read_table(data, solution.inputs()).sort("time", maintain_order=True)
    found = []
    for start in test_weeks(frame, given.protocol):
        fold = cut(frame, start)
        for seed in seeds:
            found.append(measure(fold, seed))
            print(start, seed, {name: round(float(v), 4) for name, v in found[-1].items()})
    names = set.intersection(*(set(one) for one in found))
    figures = {name: mean(float(one[name]) for one in found) for name in sorted(names)}
    figures["ap_lowest"] = min(float(one["ap"]) for one in found)
    path = record(
        f"fraud_protocol_{given.protocol.lower()}",
        seeds=seeds,
        figures=figures,
        peers=PUBLISHED[given.protocol],
        out=given.json,
    )
    print(path)


if __name__ == "__main__":
    main()
