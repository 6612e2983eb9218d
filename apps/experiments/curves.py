"""Curves of a training as Chart blocks, ready for a page or its island."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.experiments.models import Metric
from solutions.blocks import Chart, Series

if TYPE_CHECKING:
    from collections.abc import Iterable

    from apps.experiments.models import TrainingRun

MOST_POINTS = 1000
TITLES = {
    "loss": ("Loss", "epoch"),
    "figures": ("Figures on the rows to choose with", "epoch"),
    "steps": ("Loss of single steps", "step"),
}


def chart(run: TrainingRun, of: str) -> dict[str, Any]:
    """Return one chart of a run: its losses, its other figures, or its single steps."""
    title, x_title = TITLES[of]
    series = [_series(name, points) for name, points in curves(run).items() if group_of(name) == of]
    block = Chart(title=title, series=series, x_title=x_title, y_title="")
    return {"kind": block.kind, **_as_json(block), "running": not run.has_ended}


def comparison(runs: Iterable[TrainingRun]) -> list[dict[str, Any]]:
    """Return a chart for each figure that at least two runs have, one line per run."""
    by_name: dict[str, list[Series]] = {}
    for run in runs:
        for name, points in curves(run).items():
            if group_of(name) != "steps":
                by_name.setdefault(name, []).append(_series(run.short_id, points))
    charts = [
        Chart(title=name, series=lines, x_title="epoch")
        for name, lines in by_name.items()
        if len(lines) > 1
    ]
    return [{"kind": one.kind, **_as_json(one)} for one in charts]


def curves(run: TrainingRun) -> dict[str, list[tuple[int, float | None]]]:
    """Return the points of each figure that has steps, in order; a later point wins."""
    points = Metric.objects.filter(run=run, step__isnull=False).order_by("name", "step", "id")
    found: dict[str, dict[int, float | None]] = {}
    for name, step, value in points.values_list("name", "step", "value"):
        if step is not None:
            found.setdefault(name, {})[step] = value
    return {name: _thinned(sorted(line.items())) for name, line in found.items()}


def group_of(name: str) -> str:
    """Say on which chart a figure belongs."""
    if "batch" in name or "step" in name:
        return "steps"
    return "loss" if "loss" in name else "figures"


def _thinned(points: list[tuple[int, float | None]]) -> list[tuple[int, float | None]]:
    every = -(-len(points) // MOST_POINTS)
    return points if every <= 1 else [*points[::every], points[-1]]


def _series(name: str, points: list[tuple[int, float | None]]) -> Series:
    return Series(name, [step for step, _ in points], [value for _, value in points])


def _as_json(block: Chart) -> dict[str, Any]:
    return {
        "title": block.title,
        "series": [{"name": s.name, "x": list(s.x), "y": list(s.y)} for s in block.series],
        "form": block.form,
        "x_title": block.x_title,
        "y_title": block.y_title,
        "x_kind": block.x_kind,
        "y_kind": block.y_kind,
        "hint": block.hint,
    }
