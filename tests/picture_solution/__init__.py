"""A solution of pictures: finds the bright square, and learns how bright it must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl
from pydantic import Field

from ml_core.data.labels.box import from_text
from ml_core.data.pictures import read_picture
from ml_core.data.schema import Column, Schema
from ml_core.errors import DataError, Issue, ModelError
from ml_core.tracking.run import NullRun, stop_if_cancelled
from solutions.api import Metric, Options, Predictions, Solution, Split, Trained
from solutions.blocks import Number, Picture, Report, Text

if TYPE_CHECKING:
    from solutions.api import TableBatch

SILENT = NullRun()
SCHEMA = Schema(
    (
        Column("picture", "image", "Picture", "The part.", role="key", aliases=("file", "image")),
        Column("part", "id", "Part", "Serial of the part.", required=False, nullable=True),
        Column("boxes", "boxes", "Squares", "What was drawn.", required=False, nullable=True,
               role="label"),
    )
)  # fmt: skip


class PictureOptions(Options):
    steps: int = Field(6, ge=1, le=100, description="How often to look.")


class PictureSettings(Options):
    limit: float = Field(0.5, ge=0, le=1, description="Score from which a picture is an alert.")


class PicturePredictor:
    def __init__(self, bundle: Path) -> None:
        try:
            self.least = float(json.loads((bundle / "model.json").read_text("utf-8"))["least"])
        except (ValueError, KeyError, OSError) as error:
            raise ModelError("The bundle must hold model.json. Train again.") from error

    def predict(self, batch, run=SILENT, settings=None):
        limit = (settings or PictureSettings()).limit
        rows = []
        for name in batch.targets["picture"]:
            stop_if_cancelled(run)
            rows.append(self._one(batch.media.read(name)))
            run.progress(len(rows), len(batch), "pictures")
        frame = pl.DataFrame(rows, schema={"score": pl.Float64, "found": pl.String})
        return Predictions(
            frame.select(
                "score",
                pl.when(pl.col("score") >= limit).then(pl.lit("fail")).otherwise(pl.lit("pass"))
                .alias("label"),
                pl.max_horizontal("score", 1 - pl.col("score")).alias("confidence"),
                (pl.col("score") >= limit).alias("alert"),
                "found",
            )
        )  # fmt: skip

    def _one(self, data: bytes) -> dict[str, object]:
        bright = read_picture(data).mean(axis=2) >= self.least
        if not bright.any():
            return {"score": 0.0, "found": "[]"}
        y, x = np.nonzero(bright)
        box = {
            "label": "square", "confidence": 1.0, "x": int(x.min()), "y": int(y.min()),
            "width": int(np.ptp(x)) + 1, "height": int(np.ptp(y)) + 1,
        }  # fmt: skip
        return {"score": 1.0, "found": json.dumps([box])}


class Pictures(Solution[PictureOptions]):
    slug = "picture"
    title = "Squares"
    summary = "Finds bright squares."
    version = "1.0.0"
    metrics = (Metric("accuracy", "Accuracy", "Share that is right.", format=".1%"),)
    settings = PictureSettings
    ties = ()
    verdicts: ClassVar = {"pass": "good", "fail": "bad"}

    @property
    def options(self):
        return PictureOptions

    def inputs(self):
        return SCHEMA

    def split(self, batch, options, seed):
        if batch.frame["boxes"].null_count() == len(batch):
            raise DataError(Issue("no-label", "Column boxes must have values. Draw some."))
        third = len(batch) // 3
        cut = [batch.over(batch.frame, third * i, third * (i + 1)) for i in range(3)]
        return Split(*cut, how="Three equal parts, in order.")

    def train(self, data, options, run, out):
        for step in range(options.steps):
            stop_if_cancelled(run)
            run.progress(step + 1, options.steps, "steps")
        levels = []
        for name, cell in data.train.targets.select("picture", "boxes").iter_rows():
            picture = read_picture(data.train.media.read(name))
            for box in from_text(cell) or []:
                x, y = int(box.x), int(box.y)
                inside = picture[y : y + int(box.height), x : x + int(box.width)]
                levels.append(float(inside.mean()))
        (out / "model.json").write_text(json.dumps({"least": min(levels) * 0.8}), "utf-8")
        card = {
            "data_origin": "Drawn for tests.", "licence": "AGPL-3.0-or-later",
            "limits": ["Knows squares only."], "parity": 0.0,
        }  # fmt: skip
        (out / "card.json").write_text(json.dumps(card), "utf-8")
        predictions = PicturePredictor(out).predict(data.test)
        return Trained(out, self.evaluate(predictions, data.test))

    def load(self, bundle, device="auto"):
        return PicturePredictor(bundle)

    def evaluate(self, predictions: Predictions, batch: TableBatch):
        known = batch.targets["boxes"].is_not_null()
        if not known.any():
            return {}
        right = predictions.frame["alert"] == (batch.targets["boxes"] != "[]")
        return {"accuracy": float(right.filter(known).mean())}

    def report(self, predictions, batch):
        return Report((Number("Pictures with a square", int(predictions.frame["alert"].sum())),))

    def explain(self, predictor, rows, batch, run=SILENT, settings=None):
        limit = (settings or PictureSettings()).limit
        return {
            row: Report(
                (
                    Text("Verdict", f"By the limit of {limit}."),
                    Picture("Part", batch.targets["picture"][row], 32, 32),
                )
            )
            for row in rows
        }

    def demo(self):
        return Path(__file__).parent / "demo" / "squares.zip"


solution = Pictures()
