"""What people see of scored payments: how many, how much money, and what a threshold would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml_core.evaluate.metrics import precision_recall_curve
from solutions.blocks import Block, Chart, Number, Report, Series, Text
from solutions.fraud.measures import Judged, figures, judged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from solutions.api import Predictions, TableBatch

BINS = 20
CUTS = 60


def report(predictions: Predictions, batch: TableBatch) -> Report:
    """Build the report of a scored file. See `Solution.report`."""
    scored = predictions.frame
    if not scored.height:
        return Report((Text("No payments", "The file holds no payments to score."),))
    rows = judged(predictions, batch)
    blocks: list[Block] = [*_numbers(scored, batch), *_words(predictions, rows)]
    blocks += _quality(predictions, batch, rows)
    blocks += [_histogram(scored), _by_day(scored, batch), _workload(scored, batch)]
    if rows.has_both:
        blocks += [_precision_recall(rows), _savings(rows, predictions)]
    return Report(tuple(blocks))


def _numbers(scored: pl.DataFrame, batch: TableBatch) -> Iterator[Block]:
    alerts = scored.filter("alert")
    at_risk, in_all = (float(part["expected_loss"].to_numpy().sum()) for part in (alerts, scored))
    days = _days(batch)
    yield Number("Payments", scored.height, hint="Rows that were scored.")
    yield Number(
        "Alerts",
        alerts.height,
        tone="warning" if alerts.height else "good",
        hint="Payments at or above the threshold of the model.",
    )
    yield Number("Alerts a day", alerts.height / days, format=",.1f", hint=f"Over {days:,} days.")
    yield Number(
        "Money at risk",
        at_risk,
        unit="currency of the file",
        hint="Probability of fraud times amount, summed over the alerts.",
    )
    yield Number(
        "Left below the threshold",
        in_all - at_risk,
        unit="currency of the file",
        hint="The same sum over payments that raise no alert.",
    )


def _days(batch: TableBatch) -> int:
    day = batch.targets["time"].dt.date()
    return max(1, day.n_unique())


def _words(predictions: Predictions, rows: Judged) -> Iterator[Block]:
    n_seen = int(predictions.frame["seen_in_training"].sum())
    if n_seen:
        yield Text(
            "Some payments were part of the training",
            f"{n_seen:,} of {predictions.frame.height:,} payments lie in the time that the model "
            "learnt from or was chosen with. They are scored, but take no part in any figure "
            "of quality below: a model knows its own examples too well.",
            tone="warning",
        )
    if not rows.has_both:
        yield Text(
            "No figures of quality",
            "Precision and recall need labelled payments, frauds and genuine ones, that the model "
            "never saw. There are none in this file yet. Score it again when labels have come.",
        )


def _quality(predictions: Predictions, batch: TableBatch, rows: Judged) -> Iterator[Block]:
    found = figures(predictions, batch)
    if not found:
        return
    hint = f"On {len(rows.label):,} labelled payments that the model never saw."
    yield Number("Average precision", found["ap"], format=".3f", hint=hint)
    yield Number("Frauds found", found["alert_recall"], format=".1%", hint=hint)
    yield Number("Alerts that are right", found["alert_precision"], format=".1%", hint=hint)
    yield Number("Fraud value found", found["value_recall"], format=".1%", hint=hint)


def _histogram(scored: pl.DataFrame) -> Chart:
    counts, edges = np.histogram(scored["score"].to_numpy(), bins=BINS, range=(0.0, 1.0))
    names = [f"{low:.2f}" for low in edges[:-1]]
    return Chart(
        "Scores",
        [Series("Payments", names, [int(count) or None for count in counts])],
        form="bar",
        x_title="Probability of fraud",
        y_title="Payments",
        x_kind="category",
        y_kind="log",
        hint="How many payments got which probability. The height is on a log scale.",
    )


def _by_day(scored: pl.DataFrame, batch: TableBatch) -> Chart:
    daily = (
        pl.DataFrame({"day": batch.targets["time"].dt.date(), "alert": scored["alert"]})
        .group_by("day")
        .agg(pl.col("alert").sum())
        .sort("day")
    )
    days = [day.isoformat() for day in daily["day"]]
    return Chart(
        "Alerts by day",
        [Series("Alerts", days, daily["alert"].to_list())],
        form="bar",
        x_title="Day (UTC)",
        y_title="Alerts",
        x_kind="time",
    )


def _thresholds(score: np.ndarray) -> np.ndarray:
    """Choose cuts between which about equal shares of the upper scores lie."""
    top = np.sort(score)[-max(1, len(score) // 10) :]
    return np.unique(np.quantile(top, np.linspace(0.0, 1.0, CUTS)))


def _workload(scored: pl.DataFrame, batch: TableBatch) -> Chart:
    score, loss = scored["score"].to_numpy(), scored["expected_loss"].to_numpy()
    order = np.argsort(score)
    cuts = _thresholds(score)
    first = np.searchsorted(score[order], cuts, side="left")
    below = np.append(0.0, np.cumsum(loss[order]))
    share = 1.0 - below[first] / max(float(below[-1]), 1e-9)
    days = _days(batch)
    at = [float(cut) for cut in cuts]
    return Chart(
        "What another threshold would mean",
        [
            Series("Alerts a day", at, [float((len(score) - f) / days) for f in first]),
            Series("Money at risk covered (%)", at, [float(100 * s) for s in share]),
        ],
        x_title="Threshold on the probability",
        y_kind="log",
        hint="A lower threshold costs more looks and covers more of the money at risk.",
    )


def _precision_recall(rows: Judged) -> Chart:
    recall, precision, _ = precision_recall_curve(rows.label, rows.score, points=100)
    return Chart(
        "Precision and recall",
        [Series("Model", [float(r) for r in recall], [float(p) for p in precision])],
        x_title="Share of frauds found",
        y_title="Share of alerts that are right",
        hint=f"On {len(rows.label):,} labelled payments that the model never saw.",
    )


def _savings(rows: Judged, predictions: Predictions) -> Chart:
    cost = float(str(predictions.facts["review_cost"]))
    share = float(str(predictions.facts["recovered_share"]))
    order = np.argsort(-rows.score, kind="stable")
    gain = np.cumsum(share * rows.amount[order] * rows.label[order] - cost)
    cuts = _thresholds(rows.score)
    n_alerts = np.searchsorted(-rows.score[order], -cuts, side="right")
    saved = [float(gain[n - 1]) if n else 0.0 for n in n_alerts]
    return Chart(
        "Money saved by threshold",
        [Series("Saved less cost of looking", [float(cut) for cut in cuts], saved)],
        x_title="Threshold on the probability",
        y_title="Currency of the file",
        hint=f"Each alert costs {cost:g}; {share:.0%} of a found fraud's amount is saved.",
    )
