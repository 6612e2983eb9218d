"""Learning to tell bad welds, and writing the bundle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml_core.data.split import by_time
from ml_core.errors import DataError, Issue
from ml_core.evaluate.threshold import by_budget
from ml_core.seed import generator
from ml_core.tracking.run import Run, stop_if_cancelled
from solutions.api import Solution, Split, TableBatch, Trained
from tests.dummy_solution.network import write_network

if TYPE_CHECKING:
    from pathlib import Path

    from ml_core.typing import FloatArray, Frame
    from tests.dummy_solution.options import WeldOptions

FEATURES = ("current_ka", "force_kn", "wear")


def features(batch: TableBatch) -> FloatArray:
    """Return current, force and wear of the targets.

    Wear counts the electrode's welds before this one, by time alone, so neither the order of
    rows nor anything later can change it.
    """
    wear = (pl.col("time").rank("min").over("electrode") - 1).log1p().alias("wear")
    table = batch.frame.with_columns(wear).slice(batch.start, len(batch))
    return table.select(FEATURES).to_numpy().astype(np.float64)


def untouched(batch: TableBatch) -> list[Issue]:
    """Return the rows with current but no force."""
    mask = (pl.col("force_kn") == 0) & (pl.col("current_ka") > 0)
    return [
        Issue("no_force", "A weld must have force.", column="force_kn", row=row + 1)
        for row in batch.targets.select(mask.arg_true()).to_series().to_list()
    ]


def split(batch: TableBatch) -> Split:
    """Cut the pulled welds by time."""
    frame = batch.targets.filter(pl.col("failed").is_not_null()).sort("time", maintain_order=True)
    if frame.is_empty():
        message = "The column failed must hold outcomes to learn from. Got none. Map or fill it."
        raise DataError(Issue("no_labels", message, column="failed"))
    cut = by_time(frame, "time", valid=0.2, test=0.2)
    edges = [(int(rows[0]), int(rows[-1]) + 1) for rows in (cut.train, cut.valid, cut.test)]
    return Split(*(TableBatch(frame, start, stop) for start, stop in edges), how=cut.how)


def train(
    solution: Solution[WeldOptions], data: Split, options: WeldOptions, run: Run, out: Path
) -> Trained:
    """Fit, choose the threshold, write the bundle, measure."""
    table, label = features(data.train), _label(data.train.targets)
    centre, spread = table.mean(axis=0), table.std(axis=0) + 1e-9
    weight = _fit((table - centre) / spread, label, options, run)
    parity = write_network(out / "model.onnx", centre, spread, weight, table)
    _write(out / "preprocess.json", {"features": FEATURES, "threshold": 2.0})
    scores = solution.load(out, "cpu").predict(data.valid).frame["score"].to_numpy()
    threshold = by_budget(scores, round(len(scores) * options.alert_share)).value
    _write(out / "preprocess.json", {"features": FEATURES, "threshold": threshold})
    metrics = solution.evaluate(solution.load(out, "cpu").predict(data.test), data.test)
    for name, value in metrics.items():
        run.metric(name, value)
    _write(out / "card.json", _card(data, metrics, parity))
    return Trained(out, metrics)


def _fit(table: FloatArray, label: FloatArray, options: WeldOptions, run: Run) -> FloatArray:
    run.stage("training")
    table = np.column_stack([table, np.ones(len(table))])
    weight = generator(run.seed, "weights").normal(size=table.shape[1]) * 0.01
    for step in range(options.steps):
        stop_if_cancelled(run)
        chance = 1 / (1 + np.exp(-table @ weight))
        weight -= options.rate * table.T @ (chance - label) / len(label)
        run.progress(step + 1, options.steps, "steps")
    return weight


def _label(frame: Frame) -> FloatArray:
    label = frame["failed"].to_numpy().astype(np.float64)
    if len(set(label)) < 2:
        message = "The welds must have both outcomes to learn from. Got one. Give more welds."
        raise DataError(Issue("one_class", message, column="failed"))
    return label


def _card(data: Split, metrics: object, parity: float) -> dict[str, object]:
    return {
        "data_origin": f"{len(data.train)} welds of the file given. {data.how}",
        "licence": "AGPL-3.0-or-later",
        "limits": ["Made to test the product; says nothing about real welds."],
        "parity": parity,
        "metrics": metrics,
    }


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
