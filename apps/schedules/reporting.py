"""What a pipeline keeps of a run of a recipe: the same as JSON and as a page in Markdown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.catalog.services import solution as find_solution
from ml_core.plain import plain

if TYPE_CHECKING:
    from apps.registry.models import ModelVersion
    from apps.schedules.pipeline import Outcome

_ENDS = ("_low", "_high")


def write_reports(outcome: Outcome) -> tuple[Path, Path]:
    """Write NAME.json and NAME.md, each whole or not at all, and return where they lie."""
    base = Path(outcome.recipe.report)
    base.parent.mkdir(parents=True, exist_ok=True)
    told = as_json(outcome)
    pages = {
        base.with_name(base.name + ".json"): json.dumps(told, indent=1, allow_nan=False) + "\n",
        base.with_name(base.name + ".md"): as_markdown(told),
    }
    for path, text in pages.items():
        draft = path.with_name(path.name + ".part")
        try:
            draft.write_text(text, "utf-8")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    as_data, as_page = pages
    return as_data, as_page


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return all that is told of a run, as plain JSON."""
    training, rule = outcome.training, outcome.rule
    version, solution = training.dataset_version, find_solution(training.solution)
    told = {
        "decision": "passed" if outcome.passed else "refused",
        "passed": outcome.passed,
        "reason": outcome.reason,
        "solution": {"slug": solution.slug, "title": solution.title, "version": solution.version},
        "data": {
            "dataset": version.dataset.name,
            "version": version.number,
            "sha256": version.sha256,
            "rows": version.n_rows,
            "window": training.window,
            "split": training.how_split,
        },
        "code_version": training.code_version,
        "seed": training.seed,
        "options": training.options,
        "rule": {
            "metric": rule.metric.name,
            "least_gain": rule.min_gain,
            "most_loss": rule.most_loss,
            "must_be_sure": rule.must_be_sure,
        },
        "gate": outcome.verdict.to_json() if outcome.verdict else None,
        "figures": _figures(training.metrics),
        "model": _model(outcome.model),
        "live_model": _model(outcome.live),
        "started_at": outcome.started_at,
        "finished_at": outcome.finished_at,
    }
    return dict(plain(told))


def _figures(metrics: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Put each figure beside the ends of its interval, if it has one."""
    names = [name for name in metrics if not name.endswith(_ENDS)]
    return {
        name: {"value": metrics[name], "low": metrics.get(f"{name}_low"),
               "high": metrics.get(f"{name}_high")}
        for name in names
    }  # fmt: skip


def _model(model: ModelVersion | None) -> dict[str, Any] | None:
    if model is None:
        return None
    return {"id": str(model.pk), "number": model.number, "stage": str(model.stage)}


def as_markdown(told: dict[str, Any]) -> str:
    """Return the page that people read beside a change."""
    data, solution = told["data"], told["solution"]
    facts = {
        "Data": f"{data['dataset']}, version {data['version']}, {data['rows']} rows, "
        f"SHA-256 `{data['sha256']}`",
        "Set aside": data["split"],
        "Code": f"Assay {told['code_version']}, {solution['slug']} {solution['version']}",
        "Seed": told["seed"],
        "Options": f"`{json.dumps(told['options'])}`",
        "Model": _named(told["model"]) or "not kept",
        "Live model": _named(told["live_model"]) or "none",
        "Ended": told["finished_at"],
    }
    lines = [
        f"# {solution['title']}: {told['decision']}", "", _cell(told["reason"]), "",
        *_gate_lines(told["gate"]),
        "| figure of the training | value | interval |", "|---|---|---|",
        *[_figure_line(name, figure) for name, figure in told["figures"].items()], "",
        "| | |", "|---|---|", *[f"| {name} | {_cell(value)} |" for name, value in facts.items()],
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _gate_lines(gate: dict[str, Any] | None) -> list[str]:
    if gate is None:
        return []
    title = f"{_cell(gate['title'])} on {gate['n_rows']:,} rows"
    return [
        f"| {title} | value | interval |", "|---|---|---|",
        f"| new model | {_number(gate['challenger'])} | {_interval(gate['low'], gate['high'])} |",
        f"| live model | {_number(gate['live'])} | |", "",
    ]  # fmt: skip


def _figure_line(name: str, figure: dict[str, Any]) -> str:
    interval = _interval(figure["low"], figure["high"])
    return f"| {name} | {_number(figure['value'])} | {interval} |"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4g}"


def _named(model: dict[str, Any] | None) -> str:
    return f"number {model['number']} (`{model['id']}`)" if model else ""


def _cell(value: object) -> str:
    """Keep a text in its cell, whatever people have called their data."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
