"""What makes models; what moves them from stage to stage is told in `stages`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max

from apps.accounts.models import Team
from apps.audit.services import record
from apps.datasets import storage
from apps.registry import signing
from apps.registry.bundles import load, materialise
from apps.registry.models import ModelVersion, Move, StageChange
from apps.registry.stages import live, promote, restore, retire, roll_back
from ml_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from apps.accounts.models import User
    from apps.experiments.models import TrainingRun

__all__ = [
    "live",
    "load",
    "materialise",
    "promote",
    "register",
    "register_child",
    "restore",
    "retire",
    "roll_back",
]

LARGEST_CARD_BYTES = 1 << 20


def register(run: TrainingRun, bundle: Path, metrics: Mapping[str, float]) -> ModelVersion:
    """Keep a bundle as the next candidate; a run that has a model already keeps that one.

    Raises: ModelError: if the bundle is empty or its card cannot be read.
    """
    known: ModelVersion | None = ModelVersion.objects.filter(run=run).first()
    if known is not None:
        return known
    model = ModelVersion(
        team=run.team,
        created_by=run.created_by,
        solution=run.solution,
        run=run,
        parent=live(run.solution, run.team),
        metrics=dict(metrics),
        card=read_card(bundle),
    )
    return _keep(model, bundle)


def register_child(
    parent: ModelVersion, bundle: Path, metrics: Mapping[str, float], user: User | None
) -> ModelVersion:
    """Keep a bundle that was made from another model as the next candidate.

    Raises: ModelError: if the bundle is empty or its card cannot be read.
    """
    model = ModelVersion(
        team=parent.team,
        created_by=user,
        solution=parent.solution,
        parent=parent,
        metrics=dict(metrics),
        card=read_card(bundle),
    )
    return _keep(model, bundle)


def _keep(model: ModelVersion, bundle: Path) -> ModelVersion:
    model.manifest = dict(storage.put_folder(bundle, f"models/{model.pk}"))
    if not model.manifest:
        message = "A bundle must hold at least one file. Got none. Train again."
        raise ModelError(message)
    model.size_bytes = sum(int(entry["size"]) for entry in model.manifest.values())
    try:
        return _save(model)
    except BaseException:
        for entry in model.manifest.values():
            storage.delete(entry["blob"])
        raise


@transaction.atomic
def _save(model: ModelVersion) -> ModelVersion:
    # The row of the team is the lock under which numbers are given.
    Team.objects.select_for_update().get(pk=model.team_id)
    same = ModelVersion.objects.filter(team=model.team, solution=model.solution)
    model.number = (same.aggregate(last=Max("number"))["last"] or 0) + 1
    model.signature = signing.sign(model)
    model.save(force_insert=True)
    StageChange.objects.create(
        model=model, move=Move.REGISTERED, stage=model.stage, by=model.created_by
    )
    record(
        "model.registered",
        actor=model.created_by,
        team=model.team,
        thing=model,
        run=str(model.run_id) if model.run_id else None,
        parent=str(model.parent_id) if model.parent_id else None,
        signature=model.signature,
        metrics=model.metrics,
    )
    return model


def read_card(bundle: Path) -> dict[str, Any]:
    """Return what `card.json` of a bundle says, or nothing if there is none."""
    file = bundle / "card.json"
    if not file.is_file():
        return {}
    try:
        if file.stat().st_size > LARGEST_CARD_BYTES:
            raise ValueError("too large")
        card = json.loads(file.read_text("utf-8"), parse_constant=lambda _: None)
    except ValueError as error:
        message = f"card.json of a bundle must be JSON of at most 1 MiB. Got {error}. Train again."
        raise ModelError(message) from error
    return card if isinstance(card, dict) else {}
