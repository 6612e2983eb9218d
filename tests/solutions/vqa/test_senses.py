"""Sound beside the picture, other encoders, and models that lack a sense."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from ml_core.data.media import MemoryMedia
from ml_core.data.sounds import Sound, write_sound
from ml_core.errors import ConfigError, DataError, ModelError
from ml_core.nn import minilm
from ml_core.tracking.run import NullRun
from solutions.api import TableBatch
from solutions.vqa import solution
from solutions.vqa.schema import CANNOT_TELL
from tests.solutions.vqa.scenes import batch_of

HAS_MINILM = importlib.util.find_spec(minilm.PACKAGE) and importlib.util.find_spec("tokenizers")
needs_minilm = pytest.mark.skipif(not HAS_MINILM, reason="the extra vqa is not installed")


def about_pitch(n_pictures: int, seed: int) -> TableBatch:
    data = batch_of(n_pictures, seed, sounds=1.0)
    return data.over(data.frame.filter(pl.col("question").str.contains("(?i)high or low")))


def trained(data: TableBatch, out, **choices) -> dict[str, float]:
    options = solution.options(**choices)
    cut = solution.split(data, options, 0)
    return dict(solution.train(cut, options, NullRun(seed=0), out).metrics)


@pytest.fixture(scope="module")
def hearing(tmp_path_factory):
    out = tmp_path_factory.mktemp("hearing")
    metrics = trained(about_pitch(260, 0), out, epochs=16, width=32, lr=5e-3, pictures_per_step=16)
    return solution.load(out, "cpu"), metrics


def with_sound(sound: bytes, question: str = "Is the beep high or low?") -> TableBatch:
    data = about_pitch(1, 0)
    files = {**data.media.files, "clip.wav": sound}
    row = data.frame.head(1).with_columns(sound=pl.lit("clip.wav"), question=pl.lit(question))
    return TableBatch(row, media=MemoryMedia(files))


def tone(hertz: float, seconds: float) -> bytes:
    time = np.arange(round(8000 * seconds)) / 8000
    return write_sound(Sound((0.6 * np.sin(2 * np.pi * hertz * time)).astype(np.float32), 8000))


def test_it_learns_to_hear_and_the_deaf_figure_says_so(hearing):
    predictor, metrics = hearing
    fresh = about_pitch(120, 7)

    accuracy = solution.evaluate(predictor.predict(fresh), fresh)["accuracy"]

    assert accuracy > 0.85
    assert metrics["deaf_accuracy"] < 0.5
    assert metrics["blind_accuracy"] < accuracy


def test_a_row_with_a_sound_is_answered_as_alone(hearing):
    predictor, _ = hearing
    data = about_pitch(12, 3)
    assert data.frame["sound"].null_count()

    whole = predictor.predict(data).frame

    for row in range(len(data)):
        alone = predictor.predict(data.only(row)).frame
        assert alone["guess"][0] == whole["guess"][row]
        assert alone["confidence"][0] == pytest.approx(whole["confidence"][row], abs=1e-5)
        assert (whole["listened"][row] is None) == (data.frame["sound"][row] is None)


def test_what_it_cannot_hear_to_the_end_lowers_its_confidence(hearing):
    predictor, _ = hearing

    short, long = (
        predictor.predict(with_sound(tone(1500, seconds))).frame["confidence"][0]
        for seconds in (2.0, 10.0)
    )

    assert predictor.frames == 100
    assert long == pytest.approx(short / 5, abs=0.05)
    assert long < 0.21


@pytest.mark.parametrize("sound", [b"", b"RIFF\0\0\0\0WAVE", tone(500, 31)])
def test_a_sound_that_cannot_be_used_is_refused_with_its_name(hearing, sound):
    predictor, _ = hearing

    with pytest.raises(DataError, match=r"A sound must .*'clip.wav'"):
        predictor.predict(with_sound(sound))


def test_when_it_listened_is_shown(hearing):
    predictor, _ = hearing
    data = with_sound(tone(1500, 1.0))

    blocks = solution.explain(predictor, [0], data)[0].to_json()

    chart = next(block for block in blocks if block["title"] == "When it listened")
    assert len(chart["series"][0]["y"]) == 25
    assert max(chart["series"][0]["y"]) == 1.0


def test_a_model_that_learnt_from_no_sounds_says_so(tmp_path):
    trained(batch_of(20), tmp_path, epochs=1, width=16, among=True)
    data = with_sound(tone(500, 1.0), "Is there a red circle?")

    told = solution.load(tmp_path, "cpu").predict(data)

    assert told.frame["listened"].to_list() == [None]
    titles = [block["title"] for block in solution.report(told, data).to_json()]
    assert "Not heard" in titles
    reasons = solution.explain(solution.load(tmp_path, "cpu"), [0], data)[0].to_json()
    assert "Not heard" in [block["title"] for block in reasons]


@pytest.mark.slow
def test_pictures_may_be_seen_by_layers_of_imagenet(tmp_path):
    trained(batch_of(12), tmp_path, epochs=1, width=16, picture_encoder="efficientnet_lite0")

    told = solution.load(tmp_path, "cpu").predict(batch_of(2)).frame

    assert np.shape(json.loads(told["looked"][0])) == (8, 8)
    card = json.loads((tmp_path / "card.json").read_text("utf-8"))
    assert card["options"]["picture_encoder"] == "efficientnet_lite0"
    assert card["parity"] < 1e-4


def test_without_its_package_minilm_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")

    with pytest.raises(ConfigError, match=r"assay\[vqa\]"):
        trained(batch_of(6), tmp_path, epochs=1, text_encoder="minilm")


def test_answering_needs_no_torch():
    code = "import sys, solutions.vqa.scoring; print('torch' in sys.modules)"

    told = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "False"


@pytest.mark.slow
@needs_minilm
def test_minilm_reads_words_never_seen_and_the_bundle_needs_no_package(tmp_path, monkeypatch):
    data = batch_of(30)
    kinds = data.over(data.frame.filter(pl.col("kind") == "exists"))
    trained(kinds, tmp_path, epochs=1, width=16, text_encoder="minilm")
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")

    predictor = solution.load(tmp_path, "cpu")
    asked = ["Is there some crimson disc?", "есть ли круг?", "几个圆", "😀 red"]
    batch = kinds.over(kinds.frame.head(4).with_columns(question=pl.Series(asked)))
    told = predictor.predict(batch).frame

    shares = predictor.reader.known_share(asked)
    assert "crimson" not in predictor.words
    assert shares.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert told["confidence"][1:3].to_list() == [0.0, 0.0]
    assert told["label"][1:3].to_list() == [CANNOT_TELL] * 2
    (tmp_path / "reader.onnx").unlink()
    with pytest.raises(ModelError):
        solution.load(tmp_path, "cpu")
