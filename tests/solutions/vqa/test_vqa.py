"""Questions: cut by picture, read in any script, refused with a reason."""

from __future__ import annotations

import json

import polars as pl
import pytest

from ml_core.data.media import MemoryMedia
from ml_core.errors import DataError
from ml_core.seed import generator
from ml_core.tracking.run import NullRun
from solutions.api import TableBatch
from solutions.vqa import solution
from solutions.vqa.options import AnswerSettings
from solutions.vqa.schema import CANNOT_TELL
from solutions.vqa.simulate import UNSEEN_PAIRS, Thing, ask, scenes
from solutions.vqa.words import words_of
from tests.solutions.vqa.scenes import batch_of


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    out = tmp_path_factory.mktemp("bundle")
    data = batch_of(40)
    options = solution.options(epochs=3, width=32)
    solution.train(solution.split(data, options, 0), options, NullRun(seed=0), out)
    return out


def test_no_picture_is_in_two_parts():
    data = batch_of(30)

    cut = solution.split(data, solution.options(), 1)

    parts = [set(part.targets["picture"]) for part in (cut.train, cut.valid, cut.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 30


def test_the_same_picture_under_two_names_stays_together():
    data = batch_of(12)
    twin = data.frame.with_columns(picture=pl.lit("twin-") + pl.col("picture"))
    files = {**data.media.files, **{f"twin-{n}": d for n, d in data.media.files.items()}}
    both = TableBatch(pl.concat([data.frame, twin]), media=MemoryMedia(files))

    cut = solution.split(both, solution.options(), 1)

    for part in (cut.train, cut.valid, cut.test):
        names = set(part.targets["picture"])
        assert {n.removeprefix("twin-") for n in names} == {n for n in names if "twin" not in n}


@pytest.mark.parametrize(
    ("question", "code"),
    [("?" * 5, "empty_question"), ("😀😀", "empty_question"), ("a" * 10_000, "long_question")],
)
def test_a_question_that_is_none_is_refused_with_a_reason(question, code):
    data = batch_of(3)
    asked = data.over(data.frame.head(1).with_columns(question=pl.lit(question)))

    (issue,) = solution.validate(asked)

    assert (issue.code, issue.column, issue.row) == (code, "question", 1)


@pytest.mark.parametrize("question", ["сколько кругов?", "几个圆", "كم دائرة", "😀 how many?"])
def test_other_scripts_are_read_and_words_never_seen_lower_the_confidence(bundle, question):
    predictor = solution.load(bundle, "cpu")
    data = batch_of(3)
    asked = data.over(data.frame.head(1).with_columns(question=pl.lit(question)))

    told = predictor.predict(asked).frame.row(0, named=True)

    assert words_of(question)
    share = predictor.reader.known_share([question])[0]
    assert told["confidence"] <= share
    assert told["label"] == CANNOT_TELL or share > 0.5


def test_the_limit_of_abstention_is_obeyed(bundle):
    predictor = solution.load(bundle, "cpu")
    data = batch_of(5)

    never = predictor.predict(data, settings=AnswerSettings(abstain_below=0.0)).frame
    always = predictor.predict(data, settings=AnswerSettings(abstain_below=1.0)).frame

    assert not never["alert"].any()
    assert never["label"].to_list() == never["guess"].to_list()
    assert set(always["label"]) == {CANNOT_TELL}


def test_where_it_looked_is_a_grid_and_the_guesses_are_others(bundle):
    told = solution.load(bundle, "cpu").predict(batch_of(2)).frame.row(0, named=True)

    grid = json.loads(told["looked"])
    assert (len(grid), {len(row) for row in grid}) == (8, {8})
    assert max(map(max, grid)) == 1.0
    assert told["guess"] not in [answer for answer, _ in json.loads(told["others"])]


def test_the_card_has_blind_and_shuffled_figures(bundle):
    metrics = json.loads((bundle / "card.json").read_text("utf-8"))["metrics"]

    assert 0 <= metrics["blind_accuracy"] <= 1
    assert 0 <= metrics["shuffled_accuracy"] <= 1


def test_too_few_pictures_are_refused():
    with pytest.raises(DataError, match="different pictures"):
        solution.split(batch_of(2), solution.options(), 0)


def test_answers_of_a_scene_are_right():
    things = [Thing("red", "circle", 10, 30, 12), Thing("blue", "square", 50, 30, 12)]
    draws = generator(0, "test")
    found = {one.question: one.answer for _ in range(300) for one in ask(things, draws)}

    assert found["How many circles are there?"] == "1"
    assert found["How many triangles are there?"] == "0"
    assert found["What colour is the square?"] == "blue"
    assert found["What colour is the triangle?"] == CANNOT_TELL
    assert found["Is the red circle left of the blue square?"] == "yes"
    assert found["Is the blue square left of the red circle?"] == "no"
    assert found["Is there a red circle?"] == "yes"
    assert found["Is there no red circle?"] == "no"


def test_held_back_pairs_and_wordings_are_held_back():
    _, seen = scenes(60, 0)
    _, unseen = scenes(20, 0, pairs="unseen", wordings="unseen")

    held = {f"{colour} {shape}" for colour, shape in UNSEEN_PAIRS}
    assert not any("Can you see" in one.question for _, one in seen)
    assert {one.question.split(" ")[0] for _, one in unseen if one.kind == "exists"} == {"Can"}
    assert not any(pair in one.question for _, one in seen for pair in held)
    assert any(pair in one.question for _, one in unseen for pair in held)
