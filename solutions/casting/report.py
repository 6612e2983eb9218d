"""What people see of inspected castings."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from ml_core.data.pictures import size_of
from ml_core.tracking.run import stop_if_cancelled
from solutions.blocks import Block, Chart, Number, Picture, Region, Report, Series, Table, Text
from solutions.casting.limits import FAIL, PASS, REVIEW
from solutions.casting.measures import figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_core.tracking.run import Run
    from solutions.api import Predictions, Predictor, TableBatch

TONES: Mapping[str, Any] = {PASS: "good", REVIEW: "warning", FAIL: "bad"}


def report(predictions: Predictions, batch: TableBatch) -> Report:
    """Count verdicts and defects, and measure where boxes are known."""
    frame = predictions.frame
    counts = Counter(frame["label"])
    blocks: list[Block] = [Number("Pictures", frame.height)]
    blocks += [
        Number(word.capitalize(), counts[word], tone=TONES[word] if counts[word] else "neutral")
        for word in (FAIL, REVIEW, PASS)
    ]
    least = float(str(predictions.facts.get("review_from", 0.25)))
    seen = Counter(
        defect["label"]
        for cell in frame["found"]
        for defect in json.loads(cell)
        if defect["confidence"] >= least
    )
    if seen:
        ordered = seen.most_common()
        series = Series("defects", [name for name, _ in ordered], [n for _, n in ordered])
        hint = f"Boxes of at least {least:.0%} confidence, most frequent first."
        blocks.append(Chart("Defects by class", [series], form="bar", x_kind="category", hint=hint))
    if measured := figures(predictions, batch):
        rows = [(name, value) for name, value in measured.items()]
        blocks.append(
            Table("Against the boxes that were drawn", ("Figure", "Value"), rows, ("", ".3f"))
        )
    return Report(blocks)


def explain(
    predictor: Predictor, rows: Sequence[int], batch: TableBatch, run: Run
) -> Mapping[int, Report]:
    """Inspect the pictures again, and draw what was found."""
    found: dict[int, Report] = {}
    for row in rows:
        stop_if_cancelled(run)
        one = batch.only(row)
        found[row] = Report(_blocks(predictor.predict(one).frame.row(0, named=True), one))
    return found


def _blocks(told: Mapping[str, Any], one: TableBatch) -> list[Block]:
    name = str(one.targets["picture"][0])
    width, height = size_of(one.media.read(name), name)
    regions = [
        Region(
            d["label"], d["x"], d["y"], d["width"], d["height"], d["confidence"],
            "bad" if d["confidence"] >= 0.5 else "warning",
        )
        for d in json.loads(told["found"])
    ]  # fmt: skip
    words = told["rule"] or "No defect is sure enough to count."
    return [
        Picture(
            name, name, width, height, regions, hint="Move the limit to see what is less sure."
        ),
        Text(f"By the usual limits: {told['label']}", words, tone=TONES[told["label"]]),
    ]
