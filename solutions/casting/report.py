"""What people see of inspected castings."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from ml_core.data.pictures import size_of
from ml_core.tracking.run import stop_if_cancelled
from solutions.blocks import Block, Chart, Number, Picture, Region, Report, Series, Table, Text
from solutions.casting.limits import FAIL, PASS, REVIEW, VERDICTS
from solutions.casting.measures import figures
from solutions.casting.options import CastingSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_core.tracking.run import Run
    from solutions.api import Options, Predictions, Predictor, TableBatch


def report(predictions: Predictions, batch: TableBatch) -> Report:
    """Count verdicts and defects, and measure where boxes are known."""
    frame = predictions.frame
    counts = Counter(frame["label"])
    blocks: list[Block] = [Number("Pictures", frame.height)]
    blocks += [
        Number(word.capitalize(), counts[word], tone=VERDICTS[word] if counts[word] else "neutral")
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


# Said of a pass.
NOTHING = (
    "No defect is sure enough to count. A pass is as sure as passes were when the model was "
    "measured: the share of pictures without a defect among those that passed."
)


def explain(
    predictor: Predictor,
    rows: Sequence[int],
    batch: TableBatch,
    run: Run,
    settings: Options | None = None,
) -> Mapping[int, Report]:
    """Inspect the pictures again by the same limits, and draw what was found."""
    chosen = settings if isinstance(settings, CastingSettings) else CastingSettings()
    found: dict[int, Report] = {}
    for row in rows:
        stop_if_cancelled(run)
        one = batch.only(row)
        told = predictor.predict(one, run, chosen).frame.row(0, named=True)
        found[row] = Report(_blocks(told, one, chosen))
    return found


def _blocks(told: Mapping[str, Any], one: TableBatch, settings: CastingSettings) -> list[Block]:
    name = str(one.targets["picture"][0])
    width, height = size_of(one.media.read(name), name)
    regions = [
        Region(
            d["label"], d["x"], d["y"], d["width"], d["height"], d["confidence"],
            "bad" if d["confidence"] >= settings.fail_from else "warning",
        )
        for d in json.loads(told["found"])
    ]  # fmt: skip
    blocks: list[Block] = [
        Picture(name, name, width, height, regions, hint="Move the limit to see what is less sure.")
    ]
    if sizes := _sizes(regions, settings):
        blocks.append(sizes)
    words = told["rule"] or NOTHING
    is_usual = settings == CastingSettings()
    title = f"By the {'usual' if is_usual else 'chosen'} limits: {told['label']}"
    return [Text(title, words, tone=VERDICTS[told["label"]]), *blocks]


def _sizes(regions: Sequence[Region], settings: CastingSettings) -> Table | None:
    """List what counts with its size: in millimetres where the scale is known."""
    scale, unit = (settings.mm_per_pixel, "mm") if settings.mm_per_pixel else (1.0, "px")
    rows = [
        (r.label, max(r.width, r.height) * scale, r.width * scale, r.height * scale, r.confidence)
        for r in sorted(regions, key=lambda one: -max(one.width, one.height))
        if r.confidence >= settings.review_from
    ]
    heads = ("What", f"Longer side ({unit})", f"Width ({unit})", f"Height ({unit})", "Confidence")
    hint = f"Boxes of at least {settings.review_from:.0%} confidence, largest first."
    form = ".2f" if settings.mm_per_pixel else ".0f"
    return Table("Sizes", heads, rows, ("", form, form, form, ".0%"), hint) if rows else None
