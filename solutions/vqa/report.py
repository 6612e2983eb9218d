"""What people see of answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml_core.data.pictures import size_of
from ml_core.tracking.run import stop_if_cancelled
from solutions.blocks import Block, Chart, Number, Picture, Report, Series, Table, Text
from solutions.vqa.measures import figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_core.tracking.run import Run
    from solutions.api import Options, Predictions, Predictor, TableBatch

N_ANSWERS = 20
NOT_HEARD = Text(
    "Not heard",
    "This model learnt from no sounds. What was given to hear was not heard.",
    "warning",
)
SECONDS_A_TOKEN = 4 / 50  # the ear makes one token of four frames


def report(predictions: Predictions, batch: TableBatch) -> Report:
    """Count answers, tell how sure, and measure where answers are known."""
    frame = predictions.frame
    n_unsure = int(frame["alert"].sum())
    blocks: list[Block] = [
        Number("Questions", frame.height),
        Number("Answered", frame.height - n_unsure, tone="good"),
        Number(
            "I cannot tell", n_unsure, tone="warning" if n_unsure else "neutral",
            hint=f"Confidence below {predictions.facts.get('abstain_below')}",
        ),
    ]  # fmt: skip
    if not predictions.facts.get("hears") and batch.targets["sound"].is_not_null().any():
        blocks.append(NOT_HEARD)
    measured = figures(predictions, batch)
    if measured:
        blocks.append(
            Number("Right", measured["accuracy"], format=".1%", hint="Where the answer is known")
        )
    blocks += [_answers(frame), _confidence(frame)]
    if measured and batch.targets["kind"].drop_nulls().len():
        blocks.append(_by_kind(frame, batch))
    return Report(blocks)


def _answers(frame: pl.DataFrame) -> Chart:
    counts = frame.group_by("label").len().sort(["len", "label"], descending=[True, False])
    top = counts.head(N_ANSWERS)
    series = Series("questions", top["label"].to_list(), top["len"].to_list())
    return Chart("Answers", [series], form="bar", x_kind="category", y_title="questions")


def _confidence(frame: pl.DataFrame) -> Chart:
    counts, edges = np.histogram(frame["confidence"].to_numpy(), bins=20, range=(0, 1))
    x = [f"{edge:.2f}" for edge in edges[:-1]]
    series = Series("questions", x, [int(c) for c in counts])
    return Chart(
        "How sure", [series], form="bar", x_kind="category", x_title="confidence from",
        y_title="questions",
    )  # fmt: skip


def _by_kind(frame: pl.DataFrame, batch: TableBatch) -> Table:
    known = batch.targets.select("kind", "answer").with_columns(guess=frame["guess"])
    rows = (
        known.filter(pl.col("answer").is_not_null())
        .group_by(pl.col("kind").fill_null("other"))
        .agg(n=pl.len(), right=(pl.col("guess") == pl.col("answer")).mean())
        .sort("kind")
    )
    return Table(
        "By kind of question", ("Kind", "Questions", "Right"), rows.rows(), ("", ",.0f", ".1%")
    )


def explain(
    predictor: Predictor,
    rows: Sequence[int],
    batch: TableBatch,
    run: Run,
    settings: Options | None = None,
) -> Mapping[int, Report]:
    """Answer the rows again, and show where the words looked."""
    found: dict[int, Report] = {}
    for row in rows:
        stop_if_cancelled(run)
        one = batch.only(row)
        answered = predictor.predict(one, run, settings)
        blocks = _blocks(answered.frame.row(0, named=True), one)
        if not answered.facts.get("hears") and one.targets["sound"][0] is not None:
            blocks.append(NOT_HEARD)
        found[row] = Report(blocks)
    return found


def _blocks(told: Mapping[str, object], one: TableBatch) -> list[Block]:
    name = str(one.targets["picture"][0])
    width, height = size_of(one.media.read(name), name)
    guess, confidence = str(told["guess"]), float(str(told["confidence"]))
    others = [(str(a), float(p)) for a, p in json.loads(str(told["others"]))]
    words = f"Not sure enough; the best guess is “{guess}”." if told["alert"] else f"“{guess}”."
    blocks: list[Block] = [
        Picture(
            str(one.targets["question"][0]), name, width, height,
            heat=json.loads(str(told["looked"])),
            hint="Bright is where the words looked in their last step.",
        ),
        Text("Answer", f"{words} Confidence {confidence:.0%}."),
        Table(
            "What else it could be", ("Answer", "Confidence"), [(guess, confidence), *others],
            ("", ".1%"),
        ),
    ]  # fmt: skip
    if told["listened"]:
        blocks.append(_listened(json.loads(str(told["listened"]))))
    return blocks


def _listened(shares: Sequence[float]) -> Chart:
    moments = [round(index * SECONDS_A_TOKEN, 2) for index in range(len(shares))]
    return Chart(
        "When it listened", [Series("attention", moments, list(shares))], x_title="seconds",
        y_title="from least to most", hint="High is when the words listened in their last step.",
    )  # fmt: skip
