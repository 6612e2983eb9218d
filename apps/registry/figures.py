"""Figures of a model beside those of its baseline, with a sentence that hides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.http import Http404

from apps.catalog.services import solution as find_solution
from solutions.api import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

Figure = dict[str, Any]
BESIDE = "baseline_"  # "baseline_ap" is the baseline's figure beside the model's "ap"
BOUNDS = ("_low", "_high")  # "ap_low" and "ap_high" are the ends of the interval of "ap"


def compared(slug: str, metrics: Mapping[str, Any], card: Mapping[str, Any]) -> list[Figure]:
    """Return the declared figures in their order, then the others, with baseline and interval."""
    declared = {metric.name: metric for metric in _declared(slug)}
    own = {name: value for name, value in metrics.items() if not _is_aside(name, metrics)}
    names = [*(n for n in declared if n in own), *(n for n in own if n not in declared)]
    baseline, intervals = baseline_of(metrics, card), _intervals(metrics, card)
    return [
        _figure(declared.get(name) or _undeclared(name), metrics[name], baseline, intervals)
        | {"is_declared": name in declared}
        for name in names
        if _is_number(metrics[name])
    ]


def baseline_of(metrics: Mapping[str, Any], card: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the figures of the baseline: metrics named so, and what the card says of it."""
    named = {n.removeprefix(BESIDE): v for n, v in metrics.items() if n.startswith(BESIDE)}
    found = _mapping(card.get("baseline"))
    return named | dict(_mapping(found.get("metrics", found)))


def baseline_name(card: Mapping[str, Any]) -> str:
    """Return what the baseline is."""
    found = _mapping(card.get("baseline"))
    return str(found.get("title") or found.get("name") or "baseline")


def verdict(figures: Sequence[Figure], name: str) -> dict[str, str] | None:
    """Say which is better by the deciding figure, and whether one can be sure of it."""
    first = next((figure for figure in figures if figure["baseline"] is not None), None)
    if first is None:
        return None
    value, other = first["value"], first["baseline"]
    shown = f"{first['title']} {_say(value, first)} against {_say(other, first)}"
    if value == other:
        return {"tone": "neutral", "text": f"The model and the {name} are equal: {shown}."}
    is_better = (value > other) == first["higher_is_better"]
    low, high = first["low"], first["high"]
    if low is not None and high is not None and low <= other <= high:
        words = "a little better than" if is_better else "a little worse than"
        text = (
            f"The model is {words} the {name} ({shown}), but the {name} lies within the model's "
            "interval: on these rows the two cannot be told apart."
        )
        return {"tone": "neutral", "text": text}
    if is_better:
        return {"tone": "good", "text": f"The model is better than the {name}: {shown}."}
    text = f"The {name} is better than this model: {shown}. Think twice before you promote it."
    return {"tone": "warning", "text": text}


def _figure(
    metric: Metric, value: Any, baseline: Mapping[str, Any], intervals: Mapping[str, Any]
) -> Figure:
    low, high = _interval(intervals.get(metric.name))
    other = baseline.get(metric.name)
    other = other if _is_number(other) else None
    return {
        "name": metric.name,
        "title": metric.title,
        "description": metric.description,
        "format": metric.format,
        "higher_is_better": metric.higher_is_better,
        "value": value,
        "low": low,
        "high": high,
        "baseline": other,
        "is_better": None if other is None else (value > other) == metric.higher_is_better,
    }


def _is_aside(name: str, metrics: Mapping[str, Any]) -> bool:
    """Say whether a figure only says more about another: its baseline, or an end of its bounds."""
    is_bound = name.endswith(BOUNDS) and name.rsplit("_", 1)[0] in metrics
    return name.startswith(BESIDE) or is_bound


def _intervals(metrics: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, Any]:
    named = {
        name: [metrics[f"{name}_low"], metrics[f"{name}_high"]]
        for name in metrics
        if f"{name}_low" in metrics and f"{name}_high" in metrics
    }
    return named | dict(_mapping(card.get("intervals")))


def _interval(found: Any) -> tuple[float | None, float | None]:
    if isinstance(found, Mapping):
        found = [found.get("low"), found.get("high")]
    if isinstance(found, list | tuple) and len(found) == 2 and all(map(_is_number, found)):
        return found[0], found[1]
    return None, None


def first_metric(slug: str) -> str:
    """Return the name of the figure that decides; nothing if the solution has gone."""
    declared = _declared(slug)
    return declared[0].title if declared else ""


def _declared(slug: str) -> Sequence[Metric]:
    try:
        return find_solution(slug).metrics
    except Http404:  # the solution was taken out; its models are still shown
        return ()


def _undeclared(name: str) -> Metric:
    return Metric(name, name.replace("_", " ").capitalize(), "", format=",.4g")


def _say(value: float, figure: Figure) -> str:
    return format(value, figure["format"])


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
