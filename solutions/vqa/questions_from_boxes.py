"""Questions and answers made of boxes that people drew, such as defects on castings.

    python -m solutions.vqa.questions_from_boxes --data boxes.zip --out questions.zip [--seed 0]
        [--thing defect]

Takes an archive or folder with YOLO, COCO, Pascal VOC labels or a CSV with boxes; writes a ZIP of
the same pictures with `questions.csv`, ready to learn from. Pictures that nobody has looked at give
no questions.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import zipfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_core.data.archive import open_archive
from ml_core.data.labels.box import from_text
from ml_core.data.labels.read import read_labelled
from ml_core.data.media import FolderMedia, ZipMedia
from ml_core.data.pictures import size_of
from ml_core.data.schema import Column, Schema
from ml_core.errors import DataError, Issue
from ml_core.seed import generator
from solutions.vqa.schema import CANNOT_TELL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from ml_core.data.labels.box import Box

COLUMNS = ("picture", "question", "answer", "kind")
MOST_COUNTED = 9
SCHEMA = Schema(
    (
        Column("picture", "image", "Picture", "What is shown.", aliases=("image", "file")),
        Column(
            "boxes", "boxes", "Boxes", "What people drew.", required=False, nullable=True,
            role="label", aliases=("labels", "annotations"),
        ),
    )
)  # fmt: skip
_SHARE_SMALL, _SHARE_LARGE = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class Row:
    """A question about a picture with its answer; `kind` is what it asks for."""

    question: str
    answer: str
    kind: str


def questions_of(
    boxes: str,
    size: tuple[int, int],
    classes: Sequence[str],
    draws: np.random.Generator,
    thing: str = "defect",
) -> list[Row]:
    """Ask of one picture: is there, which, how many, where, how large.

    `boxes` is the text of a cell of kind `boxes`, `size` width and height of the upright picture,
    `classes` what may be there. What cannot be told, such as where a thing is that is not there,
    or which of several is meant, is answered so. Asks of one class that is there, where one is, and
    of one that is not, where one may be: the answer is not in the question.
    Raises: DataError: if the boxes cannot be read, or lie outside of the picture.
    """
    found = _read(boxes, size)
    present = sorted({box.label for box in found})
    absent = [name for name in classes if name not in present]
    rows = [
        Row(f"Is there a {thing}?", "yes" if found else "no", "exists"),
        Row(f"How many {thing}s are there?", _count(len(found)), "count"),
        _which(present, thing),
    ]
    if found:
        rows.append(Row(f"How large is the largest {thing}?", _size(found, size), "size"))
    for some in (present, absent):
        if some:
            rows += _of_class(str(draws.choice(some)), found, size)
    return rows


def _read(boxes: str, size: tuple[int, int]) -> list[Box]:
    try:
        return [box.clipped(*size) for box in from_text(boxes) or []]
    except ValueError as error:
        message = f"A box {error}. Got one that does not. Correct the labels of the picture."
        raise DataError(Issue("bad_box", message, column="boxes")) from error


def _which(present: Sequence[str], thing: str) -> Row:
    question = f"Which {thing} is there?"
    if len(present) > 1:
        return Row(question, CANNOT_TELL, "unanswerable")
    return Row(question, _words(present[0]) if present else "none", "which")


def _of_class(name: str, found: Sequence[Box], size: tuple[int, int]) -> list[Row]:
    these = [box for box in found if box.label == name]
    word, where = _words(name), f"Where is the {_words(name)}?"
    rows = [
        Row(f"Is there a {word}?", "yes" if these else "no", "exists_class"),
        Row(f"How many times is there a {word}?", _count(len(these)), "count_class"),
    ]
    if len(these) == 1:
        return [*rows, Row(where, _place(these[0], size), "where")]
    return [*rows, Row(where, CANNOT_TELL, "unanswerable")]


def _place(box: Box, size: tuple[int, int]) -> str:
    """Name the ninth of the picture in which the middle of a box lies."""
    column = min(2, int(3 * (box.x + box.width / 2) / size[0]))
    row = min(2, int(3 * (box.y + box.height / 2) / size[1]))
    if column == row == 1:
        return "centre"
    words = (("upper", "", "lower")[row], ("left", "", "right")[column])
    return " ".join(word for word in words if word)


def _size(found: Sequence[Box], size: tuple[int, int]) -> str:
    share = max(box.width * box.height for box in found) / (size[0] * size[1])
    if share < _SHARE_SMALL:
        return "small"
    return "large" if share >= _SHARE_LARGE else "medium"


def _count(n: int) -> str:
    return str(n) if n <= MOST_COUNTED else "many"


def _words(label: str) -> str:
    return label.replace("_", " ").replace("-", " ")


def write_questions(source: Path, out: Path, seed: int = 0, thing: str = "defect") -> Counter[str]:
    """Write a ZIP of pictures and questions; return how many there are of each kind.

    Pictures go one by one, so that a large archive needs no more memory than its largest picture.
    Raises: DataError: if there is no picture, or no picture that somebody has looked at.
    """
    kinds: Counter[str] = Counter()
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    with _opened(source) as files, zipfile.ZipFile(out, "w") as archive:
        frame, _, issues = read_labelled(files, SCHEMA)
        if issues:
            raise DataError(issues)
        cells = frame["boxes"].to_list() if "boxes" in frame.columns else [None] * frame.height
        seen = [(n, c) for n, c in zip(frame["picture"].to_list(), cells, strict=True) if c]
        classes = sorted({box.label for _, cell in seen for box in from_text(cell) or []})
        for name, cell in seen:
            data = files.read(name)
            rows = questions_of(
                cell, size_of(data, name), classes, generator(seed, "boxes", name), thing
            )
            writer.writerows((name, row.question, row.answer, row.kind) for row in rows)
            kinds.update(row.kind for row in rows)
            archive.writestr(name, data)
        archive.writestr("questions.csv", table.getvalue())
    if not kinds:
        out.unlink()
        message = (
            "At least one picture must have boxes, or an empty list of them. Got none. "
            "Draw some, or add the files of labels."
        )
        raise DataError(Issue("no_boxes", message, column="boxes"))
    return kinds


@contextmanager
def _opened(source: Path) -> Iterator[FolderMedia | ZipMedia]:
    if source.is_dir():
        yield FolderMedia(source)
        return
    with source.open("rb") as stream, open_archive(stream) as archive:
        yield ZipMedia(archive)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write questions; 2 if the data must be corrected."""
    parser = argparse.ArgumentParser(
        description="Make questions and answers of boxes that people drew."
    )
    parser.add_argument("--data", type=Path, required=True, help="archive or folder with boxes")
    parser.add_argument("--out", type=Path, required=True, help="ZIP to write")
    parser.add_argument("--thing", default="defect", help="what a box shows, in the singular")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    try:
        kinds = write_questions(args.data, args.out, args.seed, args.thing)
    except (DataError, OSError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    told = ", ".join(f"{kind} {n:,}" for kind, n in sorted(kinds.items()))
    sys.stdout.write(f"{kinds.total():,} questions ({told}): {args.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
