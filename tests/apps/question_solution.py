"""Questions about pictures, answered in no time: whether they are bright, and how wide."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

import polars as pl

from ml_core.data.pictures import read_picture
from ml_core.data.schema import Column, Schema
from ml_core.errors import Issue
from solutions.api import Predictions
from solutions.blocks import Number, Report
from tests.picture_solution import SILENT, Pictures, PictureSettings

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = Schema(
    (
        Column("picture", "image", "Picture", "What is seen."),
        Column("question", "text", "Question", "In words.", aliases=("asked",)),
        Column("answer", "category", "Answer", "Where it is known.", required=False, nullable=True,
               role="label"),
        Column("sound", "audio", "Sound", "What is heard.", required=False, nullable=True),
    )
)  # fmt: skip


class QuestionPredictor:
    def __init__(self, bundle: Path) -> None:
        self.least = float(json.loads((bundle / "model.json").read_text("utf-8"))["least"])

    def predict(self, batch, run=SILENT, settings=None):
        limit = (settings or PictureSettings()).limit
        rows = []
        for name, question in batch.targets.select("picture", "question").iter_rows():
            picture = read_picture(batch.media.read(name))
            is_bright = bool((picture >= self.least).any())
            width = float(picture.shape[1])
            rows.append((width, f"{question} {'yes' if is_bright else 'no'}", limit, not is_bright))
        return Predictions(pl.DataFrame(rows, schema=Predictions.CORE, orient="row"))


class Questions(Pictures):
    slug = "question"
    title = "Bright?"
    verdicts: ClassVar = {}

    def inputs(self):
        return SCHEMA

    def validate(self, batch):
        texts = batch.targets["question"]
        return [
            Issue("bad_question", "A question must have no #. Ask otherwise.", row=row + 1)
            for row, text in enumerate(texts)
            if "#" in (text or "")
        ]

    def load(self, bundle, device="auto"):
        return QuestionPredictor(bundle)

    def evaluate(self, predictions, batch):
        return {}

    def report(self, predictions, batch):
        return Report((Number("Questions", len(batch)),))


solution = Questions()
