"""Samples of each block, for the style guide and for tests of the looks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from django import forms

from solutions.blocks import (
    Chart,
    Edge,
    Event,
    Graph,
    Node,
    Number,
    Picture,
    Reason,
    Reasons,
    Region,
    Report,
    Series,
    Table,
    Text,
    Timeline,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def sample_blocks() -> list[Mapping[str, Any]]:
    """Return one report with every kind of block and every form of chart."""
    return Report(
        [*_figures(), _text(), *_charts(), _reasons(), _table(), _timeline(), _graph(), _picture()]
    ).to_json()


def _figures() -> list[Number]:
    return [
        Number("Payments scored", 1_754_155),
        Number("Alerts", 1_203, hint="The first 100 a day are worth a look", tone="warning"),
        Number("Money at risk", 84_211.5, unit="EUR", format=",.2f", tone="bad"),
        Number("Average precision", 0.7321, format=".3f", hint="1.000 is perfect", tone="good"),
    ]


def _text() -> Text:
    words = "The file holds 183 days of payments.\n\nLabels of the last 7 days are not known yet."
    return Text("How to read this", words, tone="warning")


def _charts() -> list[Chart]:
    days = [f"2026-04-{day:02d}T00:00:00" for day in range(1, 29)]
    waves = [round(90 + 30 * math.sin(day / 3), 1) for day in range(28)]
    recall = [index / 50 for index in range(51)]
    precision = [round(1 - 0.6 * x**3, 3) for x in recall]
    lower = [y * 0.9 for y in precision]
    bins = [f"{index / 10:.1f}" for index in range(10)]
    counts = [round(1e6 / 4**index) for index in range(10)]
    return [
        Chart("Alerts a day", [Series("Alerts", days, waves)], x_kind="time", y_title="alerts"),
        Chart(
            "Precision and recall",
            [
                Series("Model", recall, precision),
                Series("Baseline", recall, lower),
            ],
            x_title="recall",
            y_title="precision",
            hint="Further up and to the right is better.",
        ),
        Chart(
            "Scores",
            [Series("Payments", bins, counts)],
            form="bar",
            x_kind="category",
            y_kind="log",
            x_title="score",
            y_title="payments",
        ),
        Chart(
            "Amount and score",
            [Series("Payments", [1.0, 10.0, 40.0, 100.0, 900.0], [0.1, 0.3, 0.2, 0.8, 0.95])],
            form="scatter",
            x_kind="log",
            x_title="amount in EUR",
            y_title="score",
        ),
    ]


def _reasons() -> Reasons:
    return Reasons(
        "Why this payment",
        [
            Reason("The amount is 14 times the mean of the card", 2.41, "amount", "612.00 EUR"),
            Reason("The terminal had 9 frauds in the last 28 days", 1.87, "terminal_risk_28d", "9"),
            Reason("Seven payments of this card within one hour", 0.62, "card_count_1h", "7"),
            Reason("The card is known at this terminal", -0.44, "seen_before", "yes"),
        ],
    )


def _table() -> Table:
    return Table(
        "Baseline beside the model",
        ["Metric", "Model", "Baseline", "Rows"],
        [
            ["Average precision", 0.7321, 0.6914, 1_000_000],
            ["Card precision at 100", 0.301, 0.288, None],
        ],
        formats=["", ".3f", ".3f", ",.0f"],
        hint="Both measured on the same days, which neither has seen.",
    )


def _timeline() -> Timeline:
    events = [
        Event(
            f"2026-04-{day:02d}T{8 + day % 9:02d}:15:00", 20.0 + 9 * (day % 5), "Payment at T-104"
        )
        for day in range(1, 24)
    ]
    last = Event("2026-04-24T03:12:00", 612.0, "Payment at T-993", tone="bad", current=True)
    return Timeline("The card's last 30 days", [*events, last], "EUR", 12.0, 70.0)


def _graph() -> Graph:
    terminals = [Node(f"t{index}", f"Terminal {100 + index}", "terminal") for index in range(5)]
    cards = [Node(f"c{index}", f"Card {4000 + index}", "card") for index in range(7)]
    cards[0] = Node("c0", "Card 4000", "card", tone="bad", current=True)
    ties = [Edge(f"c{index}", f"t{index % 5}", "2 payments") for index in range(7)]
    ties += [Edge("c0", "t1"), Edge("c0", "t3", "612 EUR", tone="bad"), Edge("c3", "t4")]
    return Graph("Who is tied to whom", [*cards, *terminals], ties, "Shared terminals in 28 days.")


def _picture() -> Picture:
    regions = [
        Region("crack", 40, 30, 60, 12, 0.91),
        Region("porosity", 140, 60, 18, 18, 0.34, tone="warning"),
    ]
    heat = [[0.0, 0.2, 0.0, 0.0], [0.1, 1.0, 0.4, 0.1]]
    return Picture("Part 4711", "part-4711.png", 200, 100, regions, heat, "Two defects.")


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(help_text="What people will call it.")
    file = forms.FileField(help_text="CSV or Parquet, at most 5 GB.")
    solution = forms.ChoiceField(choices=[("fraud", "Card fraud"), ("weld", "Weld seams")])
    rate = forms.FloatField(label="Learning rate", min_value=0, max_value=1)
    early = forms.BooleanField(label="Stop early", required=False)
    queue = forms.ChoiceField(choices=[("cpu", "CPU"), ("gpu", "GPU")], widget=forms.RadioSelect)
    note = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), required=False)
