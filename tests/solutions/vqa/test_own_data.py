"""A user's own archive of pictures with a CSV of questions and answers: learnt from, or refused."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from ml_core.errors import DataError
from ml_core.tracking.run import NullRun
from solutions.tables import check_rules, open_batch
from solutions.vqa import solution
from solutions.vqa.schema import LONGEST, SCHEMA

GREYS = {0: "чёрный", 255: "белый"}


def archive_of(path, table: bytes, n_pictures: int = 3, name: str = "rows.csv"):
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(n_pictures):
            picture = io.BytesIO()
            grey = 255 * (index % 2)
            image = Image.new("L", (24, 16), grey)
            image.putpixel((index % 24, index // 24), 128)
            image.save(picture, "PNG")
            archive.writestr(f"photos/{index}.png", picture.getvalue())
        archive.writestr(name, table)
    return path


def checked(path) -> list:
    with open_batch(path, SCHEMA) as batch:
        check_rules(solution, batch)
        return batch.frame.rows(named=True)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_any_separator_and_script_is_read(tmp_path, separator):
    rows = [("Image", "question", "answer"), ("0.png", "Какого цвета?", "синий"),
            ("1.png", '"多少, 个; 圆?"', ""), ("2.png", "😀 how many?", "3 🍏")]  # fmt: skip
    table = "\n".join(separator.join(row) for row in rows).encode()

    found = checked(archive_of(tmp_path / "own.zip", table))

    assert [(one["picture"], one["question"], one["answer"]) for one in found] == [
        ("photos/0.png", "Какого цвета?", "синий"),
        ("photos/1.png", "多少, 个; 圆?", None),
        ("photos/2.png", "😀 how many?", "3 🍏"),
    ]


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        ("0.png,,yes", "empty", "question"),
        ("0.png,???,yes", "empty_question", "question"),
        ("0.png,😀😀,yes", "empty_question", "question"),
        (f"0.png,{'a' * 10_000},yes", "long_question", "question"),
        ("nowhere.png,Is it?,yes", "missing_file", "picture"),
        ("0.png,Is it?", "ragged_row", None),
        ('0.png,"Is it?,yes', "ragged_row", None),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_its_place(tmp_path, row, code, column):
    table = f"picture,question,answer\n1.png,Is it grey?,yes\n{row}\n".encode()

    with pytest.raises(DataError) as told:
        checked(archive_of(tmp_path / "own.zip", table))

    issue = next(issue for issue in told.value.issues if issue.code == code)
    assert (issue.column, issue.row) == (column, 2)
    assert str(LONGEST) in issue.message or code != "long_question"


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (b"picture,question,answer\n", "no_rows"),
        (b"picture,answer\n0.png,yes\n", "missing_column"),
        ("picture;question\n0.png;Größe?\n".encode("cp1252"), "wrong_encoding"),
        ("picture,question\n0.png,How?\n".encode("utf-16"), "not_text"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, table, code):
    with pytest.raises(DataError) as told:
        checked(archive_of(tmp_path / "own.zip", table))

    assert code in {issue.code for issue in told.value.issues}


def test_own_pictures_are_learnt_and_answers_never_seen_count_as_wrong(tmp_path):
    rows = [f"photos/{i}.png,какого цвета?,{GREYS[255 * (i % 2)]}" for i in range(60)]
    # Some answers stand once: wherever they fall, they cannot be told, and nothing breaks.
    rows += [f"photos/{i}.png,сколько точек?,{i}" for i in range(60)]
    table = ("picture,question,answer\n" + "\n".join(rows)).encode()
    archive_of(tmp_path / "own.zip", table, n_pictures=60)
    options = solution.options(epochs=20, width=16, pictures_per_step=8, lr=5e-3)

    with open_batch(tmp_path / "own.zip", SCHEMA) as batch:
        cut = solution.split(batch, options, 0)
        (tmp_path / "bundle").mkdir()
        trained = solution.train(cut, options, NullRun(seed=0), tmp_path / "bundle")
        told = solution.load(tmp_path / "bundle", "cpu").predict(cut.test)

    kinds = cut.test.targets.with_columns(guess=told.frame["guess"]).partition_by("question")
    right = {part["question"][0]: float((part["answer"] == part["guess"]).mean()) for part in kinds}
    assert right == {"какого цвета?": 1.0, "сколько точек?": 0.0}
    assert trained.metrics["accuracy"] == 0.5


@pytest.mark.parametrize(
    ("answers", "reason"),
    [(["yes"] * 6, "2 to 1,000 different answers"), ([""] * 6, "different pictures with answers")],
)
def test_answers_that_cannot_be_learnt_are_refused(tmp_path, answers, reason):
    rows = [f"photos/{i}.png,Is it?,{answer}" for i, answer in enumerate(answers)]
    table = ("picture,question,answer\n" + "\n".join(rows)).encode()
    archive_of(tmp_path / "own.zip", table, n_pictures=6)
    options = solution.options(epochs=1, width=16)

    with open_batch(tmp_path / "own.zip", SCHEMA) as batch, pytest.raises(DataError, match=reason):
        solution.train(solution.split(batch, options, 0), options, NullRun(seed=0), tmp_path)
