"""A solution that learns in milliseconds: the mean amount of the bad payments, and nothing else."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from ml_core.compress.gate import Gate, variant
from ml_core.data.schema import Column, Schema
from ml_core.errors import DataError, Issue, ModelError
from ml_core.features.view import DAY, HOUR, Aggregation, FeatureView
from ml_core.tracking.run import NullRun, stop_if_cancelled
from solutions.api import Metric, Options, Predictions, Solution, Split, TableBatch, Trained
from solutions.blocks import Number, Reason, Reasons, Report
from solutions.compression import Compressed

SILENT = NullRun()
SCHEMA = Schema(
    (
        Column("payment_id", "id", "Payment", "Its name.", unique=True, role="key"),
        Column("time", "time", "Time", "When.", role="time"),
        Column("card_id", "id", "Card", "Who pays.", personal=True),
        Column("amount", "number", "Amount", "How much.", unit="EUR", minimum=0),
        Column("is_bad", "flag", "Bad", "1 if bad.", required=False, nullable=True, role="label"),
    )
)

CARDS = FeatureView(
    "cards",
    "Cards",
    "What a card paid.",
    "tiny",
    "card_id",
    (
        Aggregation("amount", "amount", (HOUR, DAY), ("count", "sum", "mean")),
        Aggregation("bad", "is_bad", (DAY,), ("count", "sum"), delay=HOUR),
    ),
    key="payment_id",
)


@dataclass(frozen=True)
class Cost:
    """As `ml_core.compress.cost.Cost`, whose module is not for the web process."""

    size_mb: float
    latency_ms: float
    rows_per_s: float


@dataclass(frozen=True)
class Interval:
    """As `ml_core.evaluate.intervals.Interval`."""

    value: float
    low: float
    high: float


class TinyOptions(Options):
    steps: int = Field(5, ge=1, le=10_000, title="Steps", description="How many points of a curve.")
    pause_s: float = Field(0.0, ge=0, lt=10, description="Seconds to rest at each step.")
    form: Literal["plain", "steep"] = Field("plain", description="Form of the score.")
    is_strict: bool = Field(False, description="Refuse data with a missing label.")
    breaks: bool = Field(
        False, description="Fail on purpose.", json_schema_extra={"advanced": True}
    )


class TinyPredictor:
    def __init__(self, bundle: Path) -> None:
        try:
            self.mean = float(json.loads((bundle / "model.json").read_text("utf-8"))["mean"])
        except (ValueError, KeyError, OSError) as error:
            raise ModelError("The bundle must hold model.json. Train again.") from error

    def predict(self, batch, run=SILENT, settings=None):
        # The look back counts how often the card was seen before, which needs the history.
        frame = batch.frame.with_columns(seen_before=pl.int_range(pl.len()).over("card_id"))
        targets = frame.slice(batch.start, len(batch))
        score = 1 / (1 + np.exp(-(targets["amount"].to_numpy() - self.mean) / 10))
        run.progress(len(batch), len(batch), "rows")
        label = np.where(score > 0.5, "bad", "good")
        made = pl.DataFrame({"score": score, "label": label}).with_columns(
            confidence=pl.max_horizontal("score", 1 - pl.col("score")),
            alert=pl.col("score") > 0.5,
            seen_before=targets["seen_before"],
        )
        return Predictions(made, {"threshold": 0.5, "not_a_number": float("nan")})


class Tiny(Solution[TinyOptions]):
    slug = "tiny"
    title = "Tiny"
    summary = "Learns a mean."
    version = "1.0.0"
    ties = ("card_id",)
    verdicts: ClassVar = {"good": "good", "bad": "bad"}
    compressions = ("prune", "ptq")
    metrics = (
        Metric("accuracy", "Accuracy", "Share that is right.", format=".1%"),
        Metric("error", "Error", "Share that is wrong.", higher_is_better=False),
    )

    @property
    def options(self):
        return TinyOptions

    def inputs(self):
        return SCHEMA

    def split(self, batch, options, seed):
        if batch.frame["is_bad"].null_count() == len(batch):
            raise DataError(Issue("no-label", "Column is_bad must have values. Add them."))
        third = len(batch) // 3
        cut = [TableBatch(batch.frame, third * i, third * (i + 1)) for i in range(3)]
        return Split(*cut, how="Three equal parts, in order.")

    def train(self, data, options, run, out):
        run.stage("Learning")
        if options.breaks:
            raise RuntimeError("broken on purpose")
        for step in range(1, options.steps + 1):
            stop_if_cancelled(run)
            time.sleep(options.pause_s)
            run.metric("loss", 1 / step, step)
            run.metric("accuracy", 1 - 1 / (step + 1), step)
            run.progress(step, options.steps, "steps")
        bad = data.train.targets.filter(pl.col("is_bad") == 1)["amount"]
        (out / "model.json").write_text(json.dumps({"mean": bad.mean() or 0.0}), "utf-8")
        card = {
            "data_origin": "Generated for tests.",
            "licence": "AGPL-3.0-or-later",
            "limits": ["Knows amounts only."],
            "split": data.how,
            "seed": run.seed,
        }
        (out / "card.json").write_text(json.dumps(card), "utf-8")
        metrics = {"accuracy": 0.9, "accuracy_low": 0.85, "accuracy_high": 0.95, "error": 0.1}
        return Trained(out, {**metrics, "baseline_accuracy": 0.8, "baseline_error": 0.2})

    def compress(self, bundle, data, options, run, out):
        """Forget digits: one form costs a point of accuracy, the other ten."""
        run.stage("Pruning")
        run.progress(1, 1, "forms")
        stop_if_cancelled(run)
        gate = Gate(0.9, options.allowed_loss)
        accuracies = {"original": 0.9, "pruned": 0.89, "PTQ": 0.8}
        variants = tuple(
            variant(
                name, f"{name}.json", Cost(size, size, 1 / size),
                Interval(value, value - 0.05, value + 0.05), gate, (10, 10, 10),
            )
            for (name, value), size in zip(accuracies.items(), (3.0, 2.0, 1.0), strict=True)
        )  # fmt: skip
        if not any(one.passed for one in variants[1:]):
            return Compressed(variants)
        for file in bundle.iterdir():
            (out / file.name).write_bytes(file.read_bytes())
        mean = round(json.loads((bundle / "model.json").read_text("utf-8"))["mean"])
        (out / "model.json").write_text(json.dumps({"mean": mean}), "utf-8")
        return Compressed(variants, "pruned", out, {"accuracy": 0.89, "error": 0.11})

    def load(self, bundle, device="auto"):
        return TinyPredictor(bundle)

    def evaluate(self, predictions, batch):
        known = batch.targets["is_bad"].is_not_null()
        right = predictions.frame["alert"].cast(pl.Int8) == batch.targets["is_bad"]
        share = float(right.filter(known).mean())
        return {"accuracy": share, "error": 1 - share}

    def report(self, predictions, batch):
        n_alerts = int(predictions.frame["alert"].sum())
        return Report((Number("Alerts", n_alerts), Number("Nothing", float("nan"))))

    def explain(self, predictor, rows, batch, run=SILENT, settings=None):
        amounts = batch.targets["amount"]
        return {
            row: Report((Reasons("Why", [Reason(f"It is {amounts[row]:.2f}", 1.0, "amount")]),))
            for row in rows
        }

    def features(self):
        return (CARDS,)

    def demo(self):
        return Path(__file__).with_name("tiny_demo.csv")


solution = Tiny()
