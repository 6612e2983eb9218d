"""What a kept view holds, as figures and a chart of its days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from solutions.blocks import Block, Chart, Number, Report, Series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apps.features.models import FeatureView

_MOST_DAYS = 400


def summary(view: FeatureView) -> list[Mapping[str, Any]]:
    """Return how many rows, days and entities there are, and the rows of each day."""
    days = dict(view.days)
    first, last = (min(days), max(days)) if days else ("", "")
    blocks: list[Block] = [
        Number("Rows offline", view.n_rows),
        Number("Days", len(days), hint=f"{first} to {last}, UTC" if days else ""),
        Number("Entities online", view.n_entities, hint="Those whose recent rows still matter"),
    ]
    shown = list(days)[-_MOST_DAYS:]
    if len(shown) > 1:
        series = Series("rows", shown, [float(days[day]["n_rows"]) for day in shown])
        blocks.append(Chart("Rows by day", [series], form="bar", x_kind="time", y_title="rows"))
    return Report(blocks).to_json()
