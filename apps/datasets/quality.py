"""The quality of a checked table as a report that pages draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from solutions.blocks import Block, Chart, Number, Report, Series, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apps.datasets.models import DatasetVersion


def quality_report(version: DatasetVersion) -> list[Mapping[str, Any]]:
    """Return figures, a table of the columns, and charts of their values."""
    told: Mapping[str, Any] = version.report
    blocks: list[Block] = [*_figures(told), *_per_day(told), *_histograms(told)]
    if told.get("columns"):
        blocks.append(_columns(told))
    return Report(blocks).to_json()


def _figures(told: Mapping[str, Any]) -> list[Block]:
    figures: list[Block] = [Number("Rows", told.get("n_rows"))]
    time, label = told.get("time"), told.get("label")
    if time and time["min"]:
        figures.append(
            Number(
                "Days covered",
                _n_days(time),
                hint=f"{time['min'][:10]} to {time['max'][:10]}, UTC",
            )
        )
    if label and label["known"]:
        figures.append(_labelled(label))
    elif "label" in told or told.get("columns"):
        figures.append(Number("Rows with a label", 0, hint="It can be scored, not trained on"))
    n_cells = sum(column["nulls"] for column in told.get("columns", []))
    figures.append(Number("Empty cells", n_cells, hint="In the mapped columns"))
    return figures


def _labelled(label: Mapping[str, Any]) -> Block:
    if label["share"] is None:
        return Number("Rows with a label", label["known"], hint="It can be trained on")
    hint = f"{label['positive']:,} of {label['known']:,} rows with a label"
    return Number("Share of positives", label["share"], format=".2%", hint=hint)


def _n_days(time: Mapping[str, Any]) -> int:
    days = time.get("per_day")
    return len(days["x"]) if days else 0


def _per_day(told: Mapping[str, Any]) -> list[Block]:
    days = (told.get("time") or {}).get("per_day")
    if not days or len(days["x"]) < 2:
        return []
    series = Series("rows", days["x"], days["y"])
    return [Chart("Rows a day", [series], x_kind="time", y_title="rows", form="line")]


def _histograms(told: Mapping[str, Any]) -> list[Block]:
    return [
        _histogram(column)
        for column in told.get("columns", [])
        if column.get("histogram") and column["kind"] == "number"
    ]


def _histogram(column: Mapping[str, Any]) -> Chart:
    bins = column["histogram"]
    middles = [
        (low + high) / 2 for low, high in zip(bins["edges"], bins["edges"][1:], strict=False)
    ]
    hints = []
    if bins["sampled"]:
        hints.append(f"From a sample of {bins['n']:,} rows.")
    if bins["outside"]:
        hints.append(f"{bins['outside']:,} outermost values are not drawn.")
    return Chart(
        f"{column['title']}: distribution",
        [Series("rows", [f"{middle:.4g}" for middle in middles], bins["counts"])],
        form="bar",
        x_title=f"{column['title']} ({column['unit']})" if column["unit"] else column["title"],
        y_title="rows",
        x_kind="category",
        hint=" ".join(hints),
    )


def _columns(told: Mapping[str, Any]) -> Table:
    rows = [
        (
            column["title"],
            column["name"],
            column["kind"],
            column["nulls"],
            _distinct(column),
            _short(column.get("min")),
            _short(column.get("mean")),
            _short(column.get("max")),
        )
        for column in told["columns"]
    ]
    return Table(
        "Columns",
        ("Column", "Name", "Kind", "Empty", "Different values", "Least", "Mean", "Most"),
        rows,
        ("", "", "", ",.0f", "", "", "", ""),
    )


def _distinct(column: Mapping[str, Any]) -> str:
    if "distinct" not in column:
        return ""
    return f"{'' if column['distinct_exact'] else 'about '}{column['distinct']:,}"


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.2f}" if isinstance(value, float) else str(value).replace("T", " ")[:19]
