"""Figures, sizes, spans and moments read the way people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.paginator import Paginator
from django.template import Context, RequestContext, Template
from django.test import RequestFactory

from apps.web.templatetags import assay
from apps.web.templatetags.assay import ABSENT


@pytest.mark.parametrize(
    ("value", "spec", "words"),
    [
        (1_754_155, "", "1,754,155"),
        (1_754_155, ",.0f", "1,754,155"),
        (0.7321, ".3f", "0.732"),
        (0.123456, "", "0.1235"),
        (84_211.5, ",.2f", "84,211.50"),
        (12345.678, "", "12,345.68"),
        (0.25, ".1%", "25.0%"),
        (None, ",.0f", ABSENT),
        (float("nan"), ",.0f", ABSENT),
        (float("-inf"), ",.0f", "-∞"),
        (True, ",.0f", "yes"),
        ("Card 7", ",.0f", "Card 7"),
        (10**400, "", "10^400"),
        (10**400, ".3f", "10^400"),
        (7, "999999999d", "7"),
        (1.5, "d", "1.5"),
    ],
)
def test_a_figure_is_written_with_its_digits_and_separators(value, spec, words):
    assert assay.number(value, spec) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ABSENT),
        (0, "0 B"),
        (999, "999 B"),
        (1536, "1.5 kB"),
        (53_687_091, "53.7 MB"),
        (10**12, "1.0 TB"),
    ],
)
def test_a_size_is_written_in_steps_of_a_thousand(value, words):
    assert assay.bytes(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ABSENT),
        (0.42, "0.4 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
        (float("inf"), ABSENT),
    ],
)
def test_a_span_is_written_as_people_say_it(value, words):
    assert assay.duration(value) == words


def test_a_moment_carries_its_zone_for_machines_and_for_people():
    html = assay.localtime_tag(datetime(2026, 11, 23, 12, 0, tzinfo=UTC), "ago")

    assert html == (
        '<time datetime="2026-11-23T12:00:00+00:00" data-time="ago" '
        'title="2026-11-23 12:00:00 UTC">2026-11-23 12:00 UTC</time>'
    )


@pytest.mark.parametrize("value", [None, "no moment at all"])
def test_a_moment_that_is_none_is_a_dash(value):
    assert assay.localtime_tag(value) == ABSENT


@pytest.mark.parametrize(
    ("done", "total", "percent"),
    [(5, 20, 25.0), (30, 20, 100.0), (5, None, None), (None, 5, None), (1, 0, None)],
)
def test_progress_stays_between_nothing_and_all(done, total, percent):
    assert assay.percent_of(done, total) == percent


def test_the_next_page_keeps_the_filters():
    request = RequestFactory().get("/jobs/?state=failed&page=2&sort=-at")
    page_obj = Paginator(range(1000), 10).get_page(2)
    template = Template('{% include "web/components/pagination.html" %}')

    html = template.render(RequestContext(request, {"page_obj": page_obj}))

    assert "?state=failed&amp;page=3&amp;sort=-at" in html
    assert 'aria-current="page">2<' in html


@pytest.mark.parametrize(("count", "words"), [(5, "1\N{EN DASH}5 of 5"), (0, "")])
def test_one_page_tells_its_count_and_needs_no_links(count, words):
    page_obj = Paginator(range(count), 10).get_page(1)
    template = Template('{% include "web/components/pagination.html" %}')

    html = template.render(Context({"page_obj": page_obj}))

    assert words in html
    assert "<ul" not in html


def test_an_icon_name_cannot_break_out_of_its_attribute():
    html = assay.icon('x"><script>', label='"quoted"')

    assert "<script" not in html
    assert 'aria-label="&quot;quoted&quot;"' in html
