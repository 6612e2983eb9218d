"""Castings: parts are kept together, boxes move with their picture, verdicts follow the limits."""

from __future__ import annotations

import io
import json
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest
from PIL import Image
from pydantic import ValidationError

from ml_core.data.labels.box import to_text
from ml_core.data.media import MemoryMedia
from ml_core.errors import DataError
from ml_core.tracking.run import NullRun
from solutions.api import Predictions, TableBatch
from solutions.casting import solution
from solutions.casting.decoding import decode
from solutions.casting.lesson import changed, lesson_of
from solutions.casting.limits import FAIL, PASS, REVIEW, verdict
from solutions.casting.measures import average_precisions, figures
from solutions.casting.options import CastingOptions, CastingSettings
from solutions.casting.report import explain
from solutions.casting.schema import CLASSES, SCHEMA
from solutions.casting.scoring import Defect, _row
from solutions.casting.simulate import castings


def batch_of(n: int = 12, side: int = 64, seed: int = 0) -> TableBatch:
    pictures, boxes = castings(n, seed, side)
    rows = [(name, to_text(boxes[name]), name.split("_")[0], None) for name in pictures]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(SCHEMA.names, pl.String), orient="row")
    return TableBatch(frame, media=MemoryMedia(pictures))


def defect(label: str = "crack", confidence: float = 0.9, size: float = 10.0) -> Defect:
    return Defect(label, confidence, 0.0, 0.0, size, size / 2)


def test_pictures_of_one_part_stay_together():
    cut = solution.split(batch_of(24), CastingOptions(), 0)

    parts = [set(part.targets["part"]) for part in (cut.train, cut.valid, cut.test)]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert "part" in cut.how


def test_a_series_in_the_file_name_stays_together():
    data = batch_of(24)
    bare = data.over(data.frame.with_columns(part=pl.lit(None, pl.String)))

    cut = solution.split(bare, CastingOptions(group_pattern=r"part(\d+)_"), 0)

    names = [{n[:15] for n in p.targets["picture"]} for p in (cut.train, cut.valid, cut.test)]
    assert sum(map(len, names)) == len(set.union(*names))


@pytest.mark.parametrize("pattern", ["(", "part"])
def test_a_pattern_that_is_none_is_refused(pattern):
    with pytest.raises(DataError, match="pattern"):
        solution.split(batch_of(24), CastingOptions(group_pattern=pattern), 0)


def test_pictures_without_boxes_cannot_be_learnt_from():
    data = batch_of(12)

    with pytest.raises(DataError, match="Draw more"):
        solution.split(data.over(data.frame.with_columns(boxes=pl.lit("[]"))), CastingOptions(), 0)


@pytest.mark.parametrize(
    ("defects", "settings", "wanted"),
    [
        ([], {}, PASS),
        ([defect()], {}, FAIL),
        ([defect(confidence=0.3)], {}, REVIEW),
        ([defect(confidence=0.1)], {}, PASS),
        ([defect()], {"limits": "crack: size 12"}, PASS),
        ([defect()], {"limits": "crack: size 12", "mm_per_pixel": 2.0}, FAIL),
        ([defect(), defect()], {"limits": "crack: count 2"}, PASS),
        ([defect(), defect()], {"limits": "crack: count 1"}, FAIL),
        ([defect(confidence=0.6)], {"limits": "crack: confidence 0.7"}, REVIEW),
        ([defect(confidence=0.35)], {"limits": "crack: confidence 0.3"}, FAIL),
        ([defect("pore")], {"limits": "crack: size 99"}, FAIL),
    ],
)
def test_a_verdict_follows_the_limits_of_its_class(defects, settings, wanted):
    label, rule = verdict(defects, CastingSettings(**settings))

    assert label == wanted
    assert bool(rule) == (wanted != PASS)


@pytest.mark.parametrize("text", ["crack", "crack: wide 3", "crack: size x", "crack: confidence 2"])
def test_limits_that_cannot_be_read_are_refused_in_words(text):
    with pytest.raises(ValidationError, match="A limit must"):
        CastingSettings(limits=text)


def test_boxes_move_with_their_picture():
    # One white square on black: wherever the picture goes, the box must hold the white.
    pixels = np.zeros((1, 3, 96, 96), np.uint8)
    pixels[0, :, 30:50, 40:70] = 255
    lesson_of_one = type(lesson_of(batch_of(4), CLASSES, 64, NullRun()))(
        pixels, (np.array([[0, 40 / 96, 30 / 96, 70 / 96, 50 / 96]], np.float32),)
    )
    seen = 0
    for step in range(30):
        batch = changed(lesson_of_one, np.array([0]), 1, (0, step))
        if not len(batch["bboxes"]):
            continue
        cx, cy, w, h = (batch["bboxes"][0] * 96).tolist()
        wanted = [cx - w / 2, cx + w / 2, cy - h / 2, cy + h / 2]
        white = (batch["pictures"][0, 0].numpy() > 0.65).nonzero()
        if len(white[0]):
            got = [white[1].min(), white[1].max() + 1, white[0].min(), white[0].max() + 1]
            assert np.allclose(got, wanted, atol=2.5)
            seen += 1
    assert seen > 15


def test_precision_of_a_perfect_and_of_an_empty_finder():
    truth = [{"a": [[0, 0, 10, 10]]}, {"a": [[5, 5, 20, 20]], "b": [[0, 0, 4, 4]]}]
    perfect = [{k: [[*box, 0.9] for box in v] for k, v in one.items()} for one in truth]

    assert all((row == 1).all() for row in average_precisions(truth, perfect).values())
    assert all((row == 0).all() for row in average_precisions(truth, [{}, {}]).values())


def test_a_second_box_on_one_truth_is_wrong_and_half_recall_is_half_precision():
    truth = [{"a": [[0, 0, 10, 10]]}, {"a": [[0, 0, 10, 10]]}]
    doubled = [{"a": [[0, 0, 10, 10, 0.9], [0, 0, 10, 10, 0.8]]}, {}]

    (row,) = average_precisions(truth, doubled).values()

    assert row[0] == pytest.approx(51 / 101)  # 51 of the 101 points of recall lie at or below 0.5


def test_figures_leave_out_pictures_that_nobody_has_looked_at():
    drawn = {"label": "crack", "x": 0, "y": 0, "width": 9, "height": 9}
    frame = pl.DataFrame(
        {"picture": ["a", "b"], "boxes": [None, json.dumps([drawn])],
         "part": [None, None], "series": [None, None]},
        schema=dict.fromkeys(SCHEMA.names, pl.String),
    )  # fmt: skip
    found = json.dumps(
        [{"label": "crack", "confidence": 0.9, "x": 0, "y": 0, "width": 9, "height": 9}]
    )
    told = Predictions(pl.DataFrame({"found": ["[]", found]}))

    assert figures(told, TableBatch(frame))["map50"] == pytest.approx(1.0)
    assert figures(Predictions(told.frame.head(1)), TableBatch(frame, 0, 1)) == {}


def test_a_network_that_says_no_numbers_finds_nothing():
    anchors = 16 * 16 + 8 * 8 + 4 * 4
    boxes = np.full((64, anchors), np.nan, np.float32)

    corners, sure, kinds = decode(boxes, np.ones((2, anchors), np.float32), 128)

    assert len(corners) == len(sure) == len(kinds) == 0


def test_a_verdict_is_told_by_the_limits_that_were_chosen_with_sizes_in_mm(tmp_path):
    told = {"label": FAIL, "rule": "crack is too large", "found": json.dumps([asdict(defect())])}

    class Told:
        def predict(self, batch, run, settings):
            assert isinstance(settings, CastingSettings)
            return Predictions(pl.DataFrame([told]))

    drawn = io.BytesIO()
    Image.new("RGB", (64, 48)).save(drawn, "PNG")
    batch = TableBatch(pl.DataFrame({"picture": ["a"]}), media=MemoryMedia({"a": drawn.getvalue()}))

    chosen = explain(Told(), [0], batch, NullRun(), CastingSettings(mm_per_pixel=0.5))[0]
    usual = explain(Told(), [0], batch, NullRun())[0]

    assert chosen.blocks[0].title == "By the chosen limits: fail"
    assert usual.blocks[0].title == "By the usual limits: fail"
    sizes = {block.title: block for block in chosen.blocks}["Sizes"]
    assert sizes.columns[1] == "Longer side (mm)"
    assert sizes.rows[0][1] == max(defect().width, defect().height) * 0.5


def test_a_pass_is_no_surer_than_passes_were_when_the_model_was_measured():
    settings = CastingSettings()

    sure = _row([], settings, clean_share=0.25)
    doubted = _row([Defect("crack", 0.2, 0, 0, 5, 5)], settings, clean_share=0.9)
    failed = _row([Defect("crack", 0.7, 0, 0, 5, 5)], settings, clean_share=0.25)

    assert (sure["label"], sure["confidence"]) == ("pass", 0.25)
    assert (doubted["label"], doubted["confidence"]) == ("pass", 0.8)
    assert (failed["label"], failed["confidence"]) == ("fail", 0.7)
