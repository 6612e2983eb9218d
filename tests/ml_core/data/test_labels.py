"""Labels in every usual form become the same boxes, and wrong ones are named."""

from __future__ import annotations

import json

import pytest

from ml_core.data.labels import coco, yolo
from ml_core.data.labels.box import Box, from_text, to_text
from ml_core.data.labels.read import read_labelled
from ml_core.data.media import MemoryMedia
from ml_core.errors import DataError
from tests.apps.pictures import coco_files, picture, squares_files, voc_files
from tests.picture_solution import SCHEMA


class Files(MemoryMedia):
    @property
    def names(self):
        return sorted(self.files)


def files(given) -> Files:
    return Files({n: d if isinstance(d, bytes) else d.encode() for n, d in given.items()})


def boxes_by_picture(given):
    frame, form, issues = read_labelled(files(given), SCHEMA)
    found = {}
    for name, cell in frame.select("picture", "boxes").iter_rows():
        found[int("".join(c for c in name if c.isdigit()))] = from_text(cell)
    return found, form, issues


@pytest.mark.parametrize(
    ("given", "form"),
    [(squares_files(6), "yolo"), (coco_files(6), "coco"), (voc_files(6), "voc")],
    ids=["yolo", "coco", "voc"],
)
def test_three_forms_say_the_same(given, form):
    found, told, issues = boxes_by_picture(given)

    assert (told, issues) == (form, [])
    for n in range(6):
        wanted = picture(n)[1]
        got = [(round(b.x), round(b.y), round(b.width), round(b.height)) for b in found[n]]
        assert got == ([wanted] if wanted else [])
        assert all(box.label == "square" for box in found[n])


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("0 nan 0.5 0.1 0.1", "finite"),
        ("0 0.5 0.5 inf 0.1", "finite"),
        ("0 1.5 0.5 0.1 0.1", "inside"),
        ("0 0.5 0.5 -0.1 0.1", "above zero"),
        ("7 0.5 0.5 0.1 0.1", "class from 0 to 0"),
        ("zero 0.5 0.5 0.1 0.1", "class x y width height"),
        ("0 0.5", "class x y width height"),
    ],
)
def test_a_wrong_line_is_named_with_its_file(line, rule):
    given = squares_files(2) | {"labels/p01.txt": f"{line}\n"}

    _, _, issues = boxes_by_picture(given)

    assert len(issues) == 1
    assert rule in issues[0].message
    assert "labels/p01.txt, line 1" in issues[0].message


def test_xml_that_could_grow_is_refused():
    bomb = '<!DOCTYPE a [<!ENTITY b "b">]><annotation>&b;</annotation>'

    _, _, issues = boxes_by_picture(voc_files(2) | {"Annotations/p1.xml": bomb})

    assert "DOCTYPE" in issues[0].message


def test_a_table_beside_the_pictures_wins_and_names_what_is_not_there():
    pictures = {f"in/p{i}.png": picture(i)[0] for i in range(2)}
    table = "file,part\np0.png,A1\np1.png,A2\np9.png,A3\n"

    frame, form, issues = read_labelled(files(pictures | {"in/rows.csv": table}), SCHEMA)

    assert form == "table"
    assert frame["picture"].to_list() == ["in/p0.png", "in/p1.png", None]
    assert frame["part"].to_list() == ["A1", "A2", "A3"]
    assert [(i.row, i.column) for i in issues] == [(3, "picture")]


def test_pictures_without_labels_are_pictures_nobody_has_looked_at():
    frame, form, _ = read_labelled(files({"a.png": picture(1)[0]}), SCHEMA)

    assert form == "pictures"
    assert frame["boxes"].to_list() == [None]


def test_an_archive_without_pictures_is_refused():
    with pytest.raises(DataError, match="must hold pictures"):
        read_labelled(files({"a.txt": b"x"}), SCHEMA)


def test_what_is_exported_is_read_back_the_same():
    drawn = [Box("crack", 1, 2, 10, 8), Box("pore", 4.5, 6, 3, 3)]
    pictures = {"images/p1.png": picture(1)[0], "images/p2.png": picture(2)[0]}
    rows = [("images/p1.png", 32, 32, drawn), ("images/p2.png", 32, 32, [])]

    from_yolo, _, _ = boxes_by_picture(pictures | dict(yolo.write(rows)))
    from_coco, _, _ = boxes_by_picture(pictures | {"a.json": coco.write(rows)})

    for found in (from_yolo, from_coco):
        assert found[1] == drawn
        assert found[2] == []


def test_a_cell_that_is_no_list_of_boxes_is_refused():
    for text in ("{}", "[1]", '[{"label": "a"}]'):
        with pytest.raises(ValueError, match="must"):
            from_text(text)
    assert from_text("") is None
    assert json.loads(to_text([])) == []
