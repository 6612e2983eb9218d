"""Questions made of boxes: right answers, answers nobody can tell, and what is refused."""

from __future__ import annotations

import io
import zipfile

import polars as pl
import pytest
from PIL import Image

from ml_core.data.labels.box import Box, to_text
from ml_core.errors import DataError
from ml_core.seed import generator
from solutions.tables import open_batch
from solutions.vqa import questions_from_boxes as made
from solutions.vqa import solution
from solutions.vqa.schema import CANNOT_TELL, SCHEMA

CLASSES = ("cold_shut", "crack", "porosity")


def asked(*boxes: Box) -> dict[str, str]:
    """Ask often enough that every class has its turn."""
    draws = generator(0, "test")
    return {
        row.question: row.answer
        for _ in range(40)
        for row in made.questions_of(to_text(boxes), (300, 300), CLASSES, draws)
    }


def test_a_picture_with_one_defect_is_told_in_full():
    found = asked(Box("cold_shut", 210, 10, 60, 80))

    assert found["Is there a defect?"] == "yes"
    assert found["Which defect is there?"] == "cold shut"
    assert found["How many defects are there?"] == "1"
    assert found["Where is the cold shut?"] == "upper right"
    assert found["How large is the largest defect?"] == "large"
    assert found["Is there a crack?"] == found["Is there a porosity?"] == "no"
    assert found["How many times is there a crack?"] == "0"
    assert found["Where is the crack?"] == CANNOT_TELL


def test_which_and_where_of_several_cannot_be_told():
    found = asked(Box("crack", 1, 1, 9, 9), Box("crack", 99, 99, 9, 9), Box("porosity", 9, 9, 2, 2))

    assert found["Which defect is there?"] == CANNOT_TELL
    assert found["Where is the crack?"] == CANNOT_TELL
    assert found["Where is the porosity?"] == "upper left"
    assert found["How many times is there a crack?"] == "2"
    assert found["How large is the largest defect?"] == "small"


def test_a_sound_picture_has_no_defect_and_no_size():
    found = asked()

    assert (found["Is there a defect?"], found["How many defects are there?"]) == ("no", "0")
    assert found["Which defect is there?"] == "none"
    assert not any("large" in question for question in found)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [(0, 0, "upper left"), (149, 149, "centre"), (149, 298, "lower"), (298, 149, "right")],
)
def test_a_place_is_a_ninth_of_the_picture(x, y, words):
    assert asked(Box("crack", x, y, 2, 2))["Where is the crack?"] == words


def test_more_than_nine_are_many():
    assert asked(*[Box("crack", i, i, 2, 2) for i in range(12)])["How many defects are there?"] == (
        "many"
    )


@pytest.mark.parametrize(
    "boxes",
    [
        '[{"label": "crack", "x": NaN, "y": 0, "width": 1, "height": 1}]',
        '[{"label": "crack", "x": 0, "y": 0, "width": 900, "height": 1}]',
        '[{"label": "crack"}]',
        '{"label": 1}',
        "boxes",
    ],
)
def test_boxes_that_are_none_are_refused(boxes):
    with pytest.raises(DataError, match="A box"):
        made.questions_of(boxes, (300, 300), CLASSES, generator(0, "test"))


def archive_of(path, *, labels: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for grey, (name, label) in enumerate(labels.items()):
            picture = io.BytesIO()
            Image.new("L", (100, 100), grey).save(picture, "PNG")
            archive.writestr(f"images/{name}.png", picture.getvalue())
            if label is not None:
                archive.writestr(f"labels/{name}.txt", label)
        archive.writestr("classes.txt", "crack\nporosity\n")


def test_an_archive_becomes_questions_that_can_be_learnt_from(tmp_path, capsys):
    labels = {f"p{i}": "0 0.5 0.5 0.2 0.2\n" if i % 2 else "" for i in range(8)}
    archive_of(tmp_path / "castings.zip", labels=labels | {"nobody": None})
    out = tmp_path / "questions.zip"

    code = made.main(["--data", str(tmp_path / "castings.zip"), "--out", str(out)])

    assert code == 0
    assert "exists 8" in capsys.readouterr().out
    with open_batch(out, SCHEMA) as batch:
        assert not solution.validate(batch)
        assert batch.frame["picture"].n_unique() == 8
        there = batch.frame.filter(pl.col("question") == "Is there a defect?")
        assert there["answer"].value_counts()["count"].to_list() == [4, 4]
        assert len(solution.split(batch, solution.options(), 0).train)


def test_the_same_seed_writes_the_same_questions(tmp_path):
    archive_of(tmp_path / "a.zip", labels={"p": "0 0.5 0.5 0.2 0.2", "q": "1 0.5 0.5 0.2 0.2"})

    for name in ("one.zip", "two.zip"):
        made.write_questions(tmp_path / "a.zip", tmp_path / name)

    one, two = (zipfile.ZipFile(tmp_path / n).read("questions.csv") for n in ("one.zip", "two.zip"))
    assert one == two


def test_an_archive_that_nobody_has_looked_at_is_refused(tmp_path, capsys):
    archive_of(tmp_path / "a.zip", labels={"p": None})

    code = made.main(["--data", str(tmp_path / "a.zip"), "--out", str(tmp_path / "out.zip")])

    assert code == 2
    assert "must have boxes" in capsys.readouterr().err
    assert not (tmp_path / "out.zip").exists()
