"""A view says what it is, refuses what cannot be, and is known by its content."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ml_core.data.schema import Column, Schema
from ml_core.errors import ConfigError
from ml_core.features.view import DAY, HOUR, LONGEST, Aggregation, span
from tests.ml_core.features.events import view_of

SCHEMA = Schema(
    (
        Column("id", "id", "Id", "Id."),
        Column("time", "time", "Time", "Time."),
        Column("card", "id", "Card", "Card."),
        Column("amount", "number", "Amount", "Amount."),
        Column("flag", "flag", "Flag", "Flag."),
    )
)


def test_features_are_named_by_what_they_are():
    view = view_of(Aggregation("amount", "amount", (HOUR, 7 * DAY), ("sum", "max")))

    assert view.features == ("amount_sum_1h", "amount_max_1h", "amount_sum_7d", "amount_max_7d")
    assert view.columns == ("card", "time", "id", "amount")
    assert view.horizon == 7 * DAY + 1


@pytest.mark.parametrize(
    ("window", "name"), [(DAY, "1d"), (90_000_000, "90s"), (HOUR // 2, "30min"), (7, "7us")]
)
def test_a_span_is_written_shortly(window, name):
    assert span(window) == name


def test_a_view_is_known_by_what_decides_its_figures():
    view = view_of()

    assert replace(view, title="Another", description="Words.").version == view.version
    assert replace(view, entity="terminal").version != view.version
    other = Aggregation("rows", None, (HOUR,), delay=2)
    assert view_of(other).version != view_of(replace(other, delay=1)).version
    assert view.to_json()["version"] == view.version


@pytest.mark.parametrize(
    "said",
    [
        {"name": "Upper"}, {"windows": ()}, {"windows": (0,)}, {"windows": (HOUR, HOUR)},
        {"windows": (LONGEST + 1,)}, {"statistics": ()}, {"statistics": ("median",)},
        {"statistics": ("sum", "sum")}, {"delay": -1}, {"column": None, "statistics": ("sum",)},
    ],
)  # fmt: skip
def test_an_aggregation_that_cannot_be_is_refused(said):
    given = {"name": "a", "column": "amount", "windows": (HOUR,), "statistics": ("sum",)} | said

    with pytest.raises(ConfigError, match="must be"):
        Aggregation(**given)


@pytest.mark.parametrize(
    "said",
    [
        {"name": ""}, {"aggregations": ()}, {"title": ""}, {"description": ""},
        {"aggregations": (Aggregation("a", None, (HOUR,)), Aggregation("a", "amount", (HOUR,)))},
        {"entity": "time"},
    ],
)  # fmt: skip
def test_a_view_that_cannot_be_is_refused(said):
    with pytest.raises(ConfigError, match="must be"):
        replace(view_of(), **said)


def test_a_view_must_fit_the_columns_of_its_solution():
    view_of().check(SCHEMA)

    with pytest.raises(ConfigError, match="terminal"):
        replace(view_of(), entity="terminal").check(SCHEMA)
    with pytest.raises(ConfigError, match="number"):
        view_of(Aggregation("a", "card_name", (HOUR,), ("sum",))).check(SCHEMA)
    with pytest.raises(ConfigError, match="time"):
        replace(view_of(), time="amount").check(SCHEMA)
