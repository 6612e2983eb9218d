"""A solution of questions: says how long a question is, and how wide the picture beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from ml_core.data.pictures import size_of
from ml_core.data.schema import Column, Schema
from ml_core.tracking.run import NullRun
from solutions.api import Predictions
from tests.picture_solution import Pictures

if TYPE_CHECKING:
    from pathlib import Path

SILENT = NullRun()
SCHEMA = Schema(
    (
        Column("picture", "image", "Picture", "What is meant.", role="key"),
        Column("question", "text", "Question", "In any words."),
        Column("answer", "category", "Answer", "Said before.", required=False, nullable=True,
               role="label"),
    )
)  # fmt: skip


class Counting:
    def predict(self, batch, run=SILENT, settings=None):
        rows = batch.targets
        wide = [size_of(batch.media.read(name))[0] for name in rows["picture"]]
        return Predictions(
            pl.DataFrame(
                {
                    "score": [float(w) for w in wide],
                    "label": [f"{len(q)} letters" for q in rows["question"]],
                    "confidence": 1.0,
                    "alert": False,
                }
            )
        )


class Questions(Pictures):
    slug = "question"
    title = "Long questions"

    def inputs(self):
        return SCHEMA

    def load(self, bundle: Path, device="auto"):
        return Counting()


solution = Questions()
