"""What is given away as YOLO or COCO comes back the same; what people draw is checked first."""

from __future__ import annotations

import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml_core.data.archive import open_archive
from ml_core.data.labels.box import MOST_BOXES, Box, checked, from_text, to_text
from ml_core.data.labels.pack import FORMS, pieces
from ml_core.data.labels.read import read_labelled
from ml_core.data.media import MemoryMedia, ZipMedia
from ml_core.errors import DataError
from tests.picture_solution import SCHEMA

WIDTH, HEIGHT = 640, 357


def blank() -> bytes:
    out = io.BytesIO()
    Image.new("L", (WIDTH, HEIGHT)).save(out, "PNG")
    return out.getvalue()


BLANK = blank()
# Folders, endings that differ alone, spaces and signs that mean something in YAML.
NAMES = ["a.png", "images/a.png", "images/a.jpg", "x/images/a b.png", "labels/b.png", "ä: #1.png"]
LABELS = ["crack", "no", "yes: #1", "Lunker ä", "1", "- x", "null"]


@st.composite
def drawn_boxes(draw) -> Box:
    x, y = draw(st.integers(0, WIDTH * 100 - 1)), draw(st.integers(0, HEIGHT * 100 - 1))
    width, height = draw(st.integers(1, WIDTH * 100 - x)), draw(st.integers(1, HEIGHT * 100 - y))
    label = draw(st.sampled_from(LABELS))
    return Box(label, x / 100, y / 100, width / 100, height / 100)


ROWS = st.lists(
    st.none() | st.lists(drawn_boxes(), max_size=4), min_size=len(NAMES), max_size=len(NAMES)
)


def unpacked(data: bytes) -> list[list[Box] | None]:
    with open_archive(io.BytesIO(data)) as archive:
        frame, _, issues = read_labelled(ZipMedia(archive), SCHEMA)
        assert not issues
        # Names change where two differ in their ending alone; rows are told apart by the picture.
        return [from_text(cell) for cell in frame.sort("picture")["boxes"]]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_boxes_come_back_as_they_were(form, boxes):
    rows = list(zip(NAMES, boxes, strict=True))
    names = ["images/a.png", "images/a_2.png", "images/a_3.jpg", "images/labels/b.png",
             "images/x/images/a b.png", "images/ä: #1.png"]  # fmt: skip

    back = unpacked(b"".join(pieces(rows, MemoryMedia(dict.fromkeys(NAMES, BLANK)), form)))

    order = sorted(range(len(NAMES)), key=lambda i: names[[0, 1, 2, 4, 3, 5][i]])
    assert [from_text(to_text(b)) if b is not None else None for b in back] == [
        boxes[i] for i in order
    ]


@pytest.mark.parametrize("form", FORMS)
def test_without_pictures_there_are_labels_alone(form):
    rows = [("a.png", [Box("crack", 1, 2, 3, 4)]), ("b.png", None)]

    data = b"".join(
        pieces(rows, MemoryMedia({"a.png": BLANK, "b.png": BLANK}), form, with_pictures=False)
    )

    names = open_archive(io.BytesIO(data)).namelist()
    assert names == {"yolo": ["data.yaml", "labels/a.txt"], "coco": ["annotations/instances.json"]}[
        form
    ]  # fmt: skip


def test_memory_holds_one_picture_at_a_time():
    media = MemoryMedia({f"{i}.png": BLANK + b"\0" * 100_000 for i in range(30)})

    largest = max(len(piece) for piece in pieces([(n, []) for n in media.files], media, "coco"))

    assert largest < 210_000


def test_a_label_of_another_folder_is_not_taken_for_a_pictures_own():
    media = MemoryMedia({"images/a/p.png": BLANK, "images/p.png": BLANK})
    rows = [("images/a/p.png", None), ("images/p.png", [Box("crack", 1, 2, 3, 4)])]

    back = unpacked(b"".join(pieces(rows, media, "yolo")))

    assert back == [None, rows[1][1]]


GOOD = {"label": "crack", "x": 1, "y": 2.5, "width": 3, "height": 4}


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"x": math.nan}, "Box 2 must have four finite numbers"),
        ({"width": math.inf}, "finite"),
        ({"x": 10**400}, "finite"),
        ({"width": 0}, "above zero"),
        ({"height": -1}, "above zero"),
        ({"width": 0.001}, "above zero"),
        ({"x": -5}, "inside of the picture of 640 x 357"),
        ({"y": 356, "height": 9}, "inside"),
        ({"x": "1"}, "must have the numbers"),
        ({"x": True}, "must have the numbers"),
        ({"x": None}, "must have the numbers"),
        ({"label": "  "}, "label"),
        ({"label": 7}, "label"),
        ({"label": "a\nb"}, "printable"),
        ({"label": "a" * 101}, "at most 100"),
    ],
)
def test_a_box_that_cannot_be_is_named(wrong, rule):
    with pytest.raises(DataError, match=rule):
        checked([GOOD, GOOD | wrong], WIDTH, HEIGHT)


@pytest.mark.parametrize("told", [None, {}, "[]", 3, [[1, 2, 3, 4]], ["box"]])
def test_what_is_no_list_of_boxes_is_refused(told):
    with pytest.raises(DataError, match="must"):
        checked(told, WIDTH, HEIGHT)


def test_there_is_a_most_of_boxes():
    assert len(checked([GOOD] * MOST_BOXES, WIDTH, HEIGHT)) == MOST_BOXES
    with pytest.raises(DataError, match="at most 1,000 boxes"):
        checked([GOOD] * (MOST_BOXES + 1), WIDTH, HEIGHT)


def test_rounding_over_the_edge_is_cut():
    [box] = checked([GOOD | {"label": " crack ", "x": -0.5, "width": 641}], WIDTH, HEIGHT)

    assert box == Box("crack", 0, 2.5, 640, 4)
