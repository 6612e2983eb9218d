"""The rows of a result as a page shows them: heads to sort by, cells with their kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.urls import reverse

from apps.inference.results import CORE, Query, ResultTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.http import QueryDict

    from apps.inference.models import Prediction
    from ml_core.typing import Frame

PAGE_SIZE = 50
MOST_EXTRAS = 4
_TITLES = {
    "rank": "Rank", "row": "Row", "score": "Score", "label": "Verdict",
    "confidence": "Confidence", "alert": "Alert",
}  # fmt: skip
_FORMATS = {"score": ".4f", "confidence": ".0%", "rank": ",d", "row": ",d"}


@dataclass(frozen=True, slots=True)
class Head:
    """One column: what it is called, and what a click on it sorts by."""

    name: str
    title: str
    is_figure: bool
    url: str
    sorted: str


class RowList:
    """The rows that a query asks for, cut by Django's paginator; each page is read once."""

    def __init__(self, table: ResultTable, query: Query) -> None:
        self._table, self._query = table, query
        self._total: int | None = table.n_rows if query.is_plain else None

    def count(self) -> int:
        """Return how many rows there are."""
        if self._total is None:
            self._total = self._table.page(self._query, 0, 0).total
        return self._total

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, part: slice) -> Frame:
        start = part.start or 0
        return self._table.page(self._query, start, part.stop - start).frame


def page_of(prediction: Prediction, query: Query, params: QueryDict) -> dict[str, Any]:
    """Return what the template of the table needs; `params` is the query of the address."""
    table = ResultTable(prediction)
    rows: Any = RowList(table, query)
    page: Any = Paginator(rows, PAGE_SIZE).get_page(params.get("page"))
    shown = columns_shown(prediction, table.names)
    frame: Frame = page.object_list
    return {
        "page_obj": page,
        "heads": [_head(one, query, params) for one in shown],
        "rows": [_row(prediction, shown, values) for values in frame.iter_rows(named=True)],
    }


def columns_shown(prediction: Prediction, names: list[str]) -> list[dict[str, Any]]:
    """Return the columns in the order of reading: place, score, verdict, input, extras."""
    inputs = [column for column in prediction.columns if column["name"] in names]
    taken = {*CORE, *(column["name"] for column in inputs)}
    extras = [_core(name) for name in names if name not in taken][:MOST_EXTRAS]
    first = [_core(name) for name in ("rank", "score", "label")]
    return [*first, *inputs, *extras]


def cell(column: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """Return a value with what a template must know to draw it."""
    kind = column["kind"]
    if kind == "time" and value is not None:
        return {"kind": "time", "value": _utc(value)}
    if kind == "flag":
        words = {0: "no", 1: "yes", None: "not known"}
        return {"kind": "text", "value": words.get(value, value)}
    if isinstance(value, bool | str) or value is None:
        return {"kind": "text", "value": value}
    return {"kind": "figure", "value": value, "format": _format(column, value)}


def url_of(prediction: Prediction, row: int) -> str:
    """Return the address of the page of one row."""
    return reverse("inference:row", args=[prediction.pk, row])


def _core(name: str) -> dict[str, Any]:
    is_text = name in ("label", "alert")
    title = _TITLES.get(name, name.replace("_", " ").capitalize())
    return {"name": name, "kind": "text" if is_text else "number", "title": title, "unit": ""}


def _head(column: Mapping[str, Any], query: Query, params: QueryDict) -> Head:
    name = column["name"]
    is_now = query.sort == name
    # The first click shows what matters: the highest score or amount, the newest, the first name.
    falls = column["kind"] in ("number", "time", "flag") and name != "rank"
    towards = not query.descending if is_now else falls
    is_sorted = ("descending" if query.descending else "ascending") if is_now else "none"
    return Head(
        name=name,
        title=column["title"],
        is_figure=column["kind"] == "number",
        url=_sorted_by(f"-{name}" if towards else name, params),
        sorted=is_sorted,
    )


def _sorted_by(sort: str, params: QueryDict) -> str:
    chosen = params.copy()
    chosen.pop("page", None)
    chosen["sort"] = sort
    return f"?{chosen.urlencode()}"


def _row(
    prediction: Prediction, shown: list[dict[str, Any]], values: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "url": url_of(prediction, values["row"]),
        "alert": values["alert"],
        "cells": [cell(column, values[column["name"]]) for column in shown],
    }


def _format(column: Mapping[str, Any], value: float) -> str:
    known = _FORMATS.get(column["name"])
    if known:
        return known
    return ",d" if isinstance(value, int) else ",.2f"


def _utc(value: datetime) -> str:
    return f"{value.isoformat()}Z"
