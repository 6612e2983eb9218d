"""Two versions of a model side by side, and how far they can be compared at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apps.registry.figures import compared

if TYPE_CHECKING:
    from apps.registry.figures import Figure
    from apps.registry.models import ModelVersion


@dataclass(frozen=True, slots=True)
class FigurePair:
    """One figure of both; `better` is "a", "b", "equal" or nothing where one has none."""

    figure: Figure
    a: Figure | None
    b: Figure | None
    difference: float | None
    better: str
    is_sure: bool | None


@dataclass(frozen=True, slots=True)
class Pair:
    """One fact of both."""

    name: str
    a: Any
    b: Any

    @property
    def differs(self) -> bool:
        return bool(self.a != self.b)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything in which two models are alike or differ."""

    figures: list[FigurePair]
    options: list[Pair]
    data: list[Pair]
    scope: list[Pair]
    same_test: bool
    warning: str


def compare(a: ModelVersion, b: ModelVersion) -> Comparison:
    """Compare two models of one solution."""
    data = _data(a, b)
    warning = _warning(a, b, data)
    return Comparison(
        figures=_figures(a, b),
        options=_pairs(_options(a), _options(b)),
        data=data,
        scope=_scope(a, b),
        same_test=not warning,
        warning=warning,
    )


def _figures(a: ModelVersion, b: ModelVersion) -> list[FigurePair]:
    of_a, of_b = _by_name(a), _by_name(b)
    names = dict.fromkeys([*of_a, *of_b])
    return [_figure(of_a.get(name), of_b.get(name)) for name in names]


def _by_name(model: ModelVersion) -> dict[str, Figure]:
    found = compared(model.solution, model.metrics, model.card)
    return {str(figure["name"]): figure for figure in found}


def _figure(a: Figure | None, b: Figure | None) -> FigurePair:
    figure = a or b or {}
    if a is None or b is None:
        return FigurePair(figure, a, b, None, "", None)
    difference = b["value"] - a["value"]
    # Of a figure that nobody declared it is not known which way is better.
    better = "" if difference and not figure["is_declared"] else "equal"
    if difference and figure["is_declared"]:
        better = "b" if (difference > 0) == figure["higher_is_better"] else "a"
    return FigurePair(figure, a, b, difference, better, _is_sure(a, b))


def _is_sure(a: Figure, b: Figure) -> bool | None:
    """Tell whether neither value lies in the interval of the other; None without intervals."""
    pairs = [(one, two) for one, two in ((a, b), (b, a)) if one["low"] is not None]
    if not pairs:
        return None
    return not any(one["low"] <= two["value"] <= one["high"] for one, two in pairs)


def _options(model: ModelVersion) -> Mapping[str, Any]:
    run = model.learned_in
    found = run.options if run else model.card.get("options")
    return found if isinstance(found, Mapping) else {}


def _data(a: ModelVersion, b: ModelVersion) -> list[Pair]:
    return _pairs(_facts(a), _facts(b))


def _facts(model: ModelVersion) -> dict[str, Any]:
    run = model.learned_in
    if run is None:
        return {"How it was cut": model.card.get("split")}
    version = run.dataset_version
    return {
        "Data": f"{version.dataset.name}, version {version.number}",
        "Rows": version.n_rows,
        "SHA-256 of the data": run.data_sha256,
        "How it was cut": run.how_split or model.card.get("split"),
        "Seed": run.seed,
        "Code version": run.code_version,
    }


def _scope(a: ModelVersion, b: ModelVersion) -> list[Pair]:
    names = {"classes": "Classes", "limits": "Limits", "purpose": "Purpose", "licence": "Licence"}
    of_a, of_b = ({title: m.card.get(n) for n, title in names.items()} for m in (a, b))
    return [pair for pair in _pairs(of_a, of_b) if pair.a or pair.b]


def _pairs(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Pair]:
    return [Pair(name, a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b])]


def _warning(a: ModelVersion, b: ModelVersion, data: list[Pair]) -> str:
    """Say why the figures of the two may not be compared; nothing when they may."""
    one, other = a.learned_in, b.learned_in
    if one is None or other is None or not (one.data_sha256 and other.data_sha256):
        return "It is not known on which rows one of them was measured."
    if one.data_sha256 != other.data_sha256:
        return "They were measured on different test rows: each on a part of its own data."
    apart = [p.name for p in data if p.differs and p.name in ("How it was cut", "Seed")]
    if apart:
        names = " and ".join(name.lower() for name in apart)
        return (
            f"They may have been measured on different test rows: the data is the same, {names} "
            "not."
        )
    return ""
