"""Every block of a report draws, whatever stands in it, and nothing in it becomes markup."""

from __future__ import annotations

import json
import math
import re

import pytest
from django.template import Context, Template

from apps.web.samples import sample_blocks
from apps.web.templatetags.assay import ABSENT
from solutions import blocks as kinds

HOSTILE = '</script><script>alert(1)</script><b onclick="x()">\'&'


def draw(block) -> str:
    return Template("{% load assay %}{% render_block block %}").render(Context({"block": block}))


def report_of(*blocks):
    return kinds.Report(blocks).to_json()


def hostile_blocks():
    return report_of(
        kinds.Number(HOSTILE, 1, unit=HOSTILE, format="99999999d", hint=HOSTILE),
        kinds.Text(HOSTILE, HOSTILE),
        kinds.Table(HOSTILE, [HOSTILE], [[HOSTILE], [None]], ["9" * 50], HOSTILE),
        kinds.Chart(HOSTILE, [kinds.Series(HOSTILE, [HOSTILE], [1.0])], hint=HOSTILE),
        kinds.Reasons(HOSTILE, [kinds.Reason(HOSTILE, 1.0, HOSTILE, HOSTILE)], HOSTILE),
        kinds.Timeline(HOSTILE, [kinds.Event("2026-01-01T00:00:00", 1.0, HOSTILE)], HOSTILE),
        kinds.Graph(HOSTILE, [kinds.Node(HOSTILE, HOSTILE, HOSTILE)], [], HOSTILE),
    )


@pytest.mark.parametrize("block", sample_blocks(), ids=lambda block: block["title"])
def test_each_sample_shows_its_title(block):
    html = draw(block)

    assert block["title"].replace("'", "&#x27;") in html


@pytest.mark.parametrize("block", hostile_blocks(), ids=lambda block: block["kind"])
def test_hostile_text_stays_text(block):
    html = draw(block)

    assert "<script>alert" not in html
    assert "<b onclick" not in html
    assert "alert(1)" in html, "the text itself is shown"


def test_samples_cover_every_kind():
    assert {block["kind"] for block in sample_blocks()} == kinds.KINDS


def test_what_is_not_a_number_reaches_the_browser_as_null():
    block = report_of(kinds.Chart("c", [kinds.Series("s", [1.0, 2.0], [math.nan, math.inf])]))[0]

    html = draw(block)

    data = re.search(r'<script id="[^"]+" type="application/json">(.*?)</script>', html).group(1)
    assert json.loads(data)["series"][0]["y"] == [None, None]


def test_nothing_to_show_is_said_in_words():
    empty = report_of(
        kinds.Number("n", None),
        kinds.Table("t", ["a"], []),
        kinds.Reasons("r", []),
        kinds.Graph("g", [], []),
        kinds.Chart("c", []),
        kinds.Timeline("l", []),
    )

    pages = [draw(block) for block in empty]

    assert ABSENT in pages[0]
    assert "No rows." in pages[1]
    assert "No reasons are known." in pages[2]


def test_two_blocks_on_a_page_do_not_share_an_id():
    block = report_of(kinds.Chart("c", [kinds.Series("s", [1.0], [1.0])]))[0]

    ids = re.findall(r'id="([^"]+)"', draw(block) + draw(block))

    assert len(ids) == len(set(ids)) == 4


def test_an_unknown_kind_is_no_way_to_another_template():
    assert "Unknown block" in draw({"kind": "../base", "title": "x"})


def test_a_table_sets_figures_to_the_right_and_formats_them():
    block = report_of(kinds.Table("t", ["name", "n"], [["a", 1754155.0]], ["", ",.0f"]))[0]

    html = draw(block)

    assert '<td class="text-end tabular">1,754,155</td>' in html
    assert "<td>a</td>" in html


def test_the_strongest_reason_has_the_longest_bar():
    block = report_of(kinds.Reasons("r", [kinds.Reason("a", -2.0), kinds.Reason("b", 1.0)]))[0]

    html = draw(block)

    assert re.findall(r'reason-fill" width="(\d+)"', html) == ["100", "50"]
    assert "lowers by" in html
    assert "raises by" in html


@pytest.mark.parametrize(
    ("count", "widths"),
    [(1, ["col-12"]), (2, ["col-12 col-xl-6"] * 2), (3, ["col-12 col-xl-6"] * 2 + ["col-12"])],
)
def test_a_last_chart_alone_takes_the_whole_row(count, widths):
    blocks = report_of(*[kinds.Chart("c", [])] * count)

    html = Template("{% load assay %}{% render_report blocks %}").render(
        Context({"blocks": blocks})
    )

    assert re.findall(r'<div class="(col[^"]*)">', html) == widths


def test_a_picture_is_drawn_with_boxes_and_heat_in_its_own_pixels():
    block = next(b for b in sample_blocks() if b["kind"] == "picture")

    html = draw({**block, "url": "/answers/1/files/picture"})

    assert 'viewBox="0 0 200 100"' in html
    assert 'href="/answers/1/files/picture"' in html
    assert html.count("data-confidence=") == 2
    assert 'x="40.000"' in html
    assert html.count("picture-heat") == 5  # the coldest cells are left out
