"""How labelled payments are cut: by time, with the label delay left free between the parts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from ml_core.errors import DataError, Issue
from solutions.api import Split, TableBatch

if TYPE_CHECKING:
    from solutions.fraud.options import FraudOptions

MOST = 0.15  # of the file's span, for each of the parts to choose with and to report on
FEWEST_FRAUDS = {"train": 10, "valid": 2, "test": 2}


def split(batch: TableBatch, options: FraudOptions) -> Split:
    """Cut train | delay | valid | delay | test, the newest payments being the test.

    All three parts share one frame, sorted by time, so that each payment may be seen with
    all that came before it. In the delays lie payments whose labels were not yet known when the
    next part begins.
    """
    frame = batch.targets.sort("time", maintain_order=True)
    labelled = _labelled(frame)
    first, last = _moment(labelled["time"].min()), _moment(labelled["time"].max())
    span, delay = last - first, timedelta(days=options.label_delay_days)
    tick = timedelta(microseconds=1)
    test_from = last - min(timedelta(days=options.test_days), span * MOST) + tick
    valid_until = test_from - delay
    valid_from = valid_until - min(timedelta(days=options.valid_days), span * MOST)
    train_until = valid_from - delay
    train_from = train_until - timedelta(days=options.train_days) if options.train_days else first
    parts = {
        "train": _between(frame, max(train_from, first), train_until),
        "valid": _between(frame, valid_from, valid_until),
        "test": _between(frame, test_from, last + tick),
    }
    _check(parts, options)
    return Split(**parts, how=_how(parts, options))


def _labelled(frame: pl.DataFrame) -> pl.DataFrame:
    if "is_fraud" in frame.columns:
        labelled = frame.filter(pl.col("is_fraud").is_not_null())
        if labelled.height:
            return labelled
    message = (
        "The column is_fraud must hold labels to learn from. Got none. "
        "Map the column that says which payments were frauds."
    )
    raise DataError(Issue("no_labels", message, column="is_fraud"))


def _between(frame: pl.DataFrame, start: datetime, stop: datetime) -> TableBatch:
    begin = frame["time"].search_sorted(start, side="left")
    end = frame["time"].search_sorted(stop, side="left")
    return TableBatch(frame, int(begin), max(int(begin), int(end)))


def _check(parts: dict[str, TableBatch], options: FraudOptions) -> None:
    for name, fewest in FEWEST_FRAUDS.items():
        label = parts[name].targets["is_fraud"].drop_nulls()
        n_frauds = int(label.sum())
        if n_frauds < fewest or n_frauds == len(label):
            message = (
                f"The part to {_purpose(name)} must hold at least {fewest} frauds and some genuine "
                f"payments. Got {n_frauds} frauds among {len(label)} labelled payments. Give a "
                f"longer file, or a label delay below {options.label_delay_days:g} days."
            )
            raise DataError(Issue("too_few_frauds", message, column="is_fraud"))


def _purpose(name: str) -> str:
    return {"train": "learn from", "valid": "choose with", "test": "report on"}[name]


def _how(parts: dict[str, TableBatch], options: FraudOptions) -> str:
    spans = []
    for name, part in parts.items():
        time = part.targets["time"]
        spans.append(
            f"{name} {_moment(time.min()):%Y-%m-%d} to {_moment(time.max()):%Y-%m-%d} "
            f"({len(part):,} payments)"
        )
    return (
        f"By time: {', '.join(spans)}. Between the parts lie {options.label_delay_days:g} days, "
        "after which a label is known."
    )


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"A time must be a datetime. Got {type(value).__name__}.")
    return value
