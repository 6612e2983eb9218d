"""Models as lines of a list, and the facts that a model is made of as one document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q

from apps.registry.figures import compared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apps.registry.models import ModelVersion, ModelVersionQuerySet

_NAMED = {"size_mb": ("Size", "MB", ",.2f"), "latency_ms": ("Latency", "ms", ",.2f")}


def narrowed(models: ModelVersionQuerySet, asked: Mapping[str, Any]) -> ModelVersionQuerySet:
    """Return the models that a filter asks for."""
    for name in ("solution", "stage", "team"):
        if asked.get(name):
            models = models.filter(**{name: asked[name]})
    words = str(asked.get("q") or "").strip()
    if not words:
        return models
    fits = (
        Q(run__dataset_version__dataset__name__icontains=words)
        | Q(created_by__email__icontains=words)
        | Q(created_by__first_name__icontains=words)
        | Q(created_by__last_name__icontains=words)
        | Q(solution__icontains=words)
    )
    number = words.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 9:
        fits |= Q(number=int(number))
    return models.filter(fits)


def line(model: ModelVersion) -> dict[str, Any]:
    """Return a model with the figure that decides."""
    figures = compared(model.solution, model.metrics, model.card)
    return {"model": model, "figure": figures[0] if figures else None}


def variants(model: ModelVersion) -> dict[str, Any] | None:
    """Return a table of the forms of a model (FP32, INT8), None when it has but one."""
    found = model.card.get("variants")
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    if not rows:
        return None
    declared = {f["name"]: f for f in compared(model.solution, model.metrics, {})}
    names = list(dict.fromkeys(n for row in rows for n in row if n != "name"))
    names = [name for name in names if name in _NAMED or declared.get(name, {}).get("is_declared")]
    heads = [_head(name, declared) for name in names]
    return {
        "heads": heads,
        "rows": [
            {
                "name": row.get("name", "-"),
                "cells": [
                    {"value": row.get(name), "format": head["format"]}
                    for name, head in zip(names, heads, strict=True)
                ],
            }
            for row in rows
        ],
    }


def _head(name: str, declared: Mapping[str, Any]) -> dict[str, str]:
    if name in _NAMED:
        title, unit, spec = _NAMED[name]
        return {"title": title, "unit": unit, "format": spec}
    return {"title": declared[name]["title"], "unit": "", "format": declared[name]["format"]}


def document(model: ModelVersion) -> dict[str, Any]:
    """Return everything that is known of a model as plain data, to keep or to hand on."""
    run = model.learned_in
    return {
        "id": str(model.pk),
        "solution": model.solution,
        "number": model.number,
        "stage": model.stage,
        "team": str(model.team),
        "made_at": model.created_at.isoformat(),
        "made_by": str(model.created_by) if model.created_by else None,
        "metrics": model.metrics,
        "card": model.card,
        "lineage": lineage(model) if run else None,
        "files": [
            {"name": name, "sha256": entry["sha256"], "size": entry["size"]}
            for name, entry in model.manifest.items()
        ],
        "signature": model.signature,
        "history": [
            {
                "at": change.at.isoformat(),
                "move": change.move,
                "stage": change.stage,
                "by": str(change.by) if change.by else None,
                "reason": change.reason,
                "other_model": str(change.other_id) if change.other_id else None,
            }
            for change in model.changes.select_related("by")
        ],
    }


def lineage(model: ModelVersion) -> dict[str, Any]:
    """Return what a model was made from."""
    run = model.learned_in
    made_with: dict[str, Any] = {"parent": str(model.parent_id) if model.parent_id else None}
    if run is None:
        return made_with
    version = run.dataset_version
    return made_with | {
        "run": str(run.pk),
        "dataset": version.dataset.name,
        "dataset_version": str(version.pk),
        "dataset_version_number": version.number,
        "data_sha256": run.data_sha256,
        "options": run.options,
        "seed": run.seed,
        "code_version": run.code_version,
        "how_split": run.how_split,
    }
