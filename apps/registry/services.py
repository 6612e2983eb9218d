"""What makes models, and what moves them from stage to stage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from apps.accounts.models import Team
from apps.accounts.policies import require
from apps.audit.services import record
from apps.datasets import storage
from apps.registry import signing
from apps.registry.bundles import load, materialise
from apps.registry.models import ModelVersion, Stage
from ml_core.errors import ModelError, NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from apps.accounts.models import User
    from apps.experiments.models import TrainingRun

__all__ = ["live", "load", "materialise", "promote", "register"]

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
        metrics=dict(metrics),
        card=read_card(bundle),
    )
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
    record(
        "model.registered",
        actor=model.created_by,
        team=model.team,
        thing=model,
        run=str(model.run_id),
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


def live(solution: str, team: Team) -> ModelVersion | None:
    """Return the live model of a team for a solution, if there is one."""
    found: ModelVersion | None = ModelVersion.objects.filter(
        solution=solution, team=team, stage=Stage.LIVE
    ).first()
    return found


@transaction.atomic
def promote(model: ModelVersion, user: User, reason: str) -> ModelVersion:
    """Make a model the live one; the one before retires. A retired one may come back.

    Raises: NotAllowedError, Http404: without the right, or for one's own training under four
        eyes. ModelError: if it is live already, or its manifest was changed.
    """
    require(user, "models.promote", model)
    same = ModelVersion.objects.select_for_update().filter(team=model.team, solution=model.solution)
    locked: dict[Any, ModelVersion] = {one.pk: one for one in same}
    model = locked[model.pk]
    _require_promotable(model, user, reason)
    before = next((one for one in locked.values() if one.stage == Stage.LIVE), None)
    action = "model.rolled_back" if model.stage == Stage.RETIRED else "model.promoted"
    if before is not None:
        before.stage = Stage.RETIRED
        before.save(update_fields=["stage"])
    model.stage = Stage.LIVE
    model.promoted_by, model.promoted_at = user, timezone.now()
    model.promoted_why = reason.strip()
    model.save(update_fields=["stage", "promoted_by", "promoted_at", "promoted_why"])
    record(
        action,
        actor=user,
        team=model.team,
        thing=model,
        reason=reason.strip(),
        retired=str(before.pk) if before else None,
    )
    return model


def _require_promotable(model: ModelVersion, user: User, reason: str) -> None:
    if not reason.strip():
        message = "A promotion must have a reason. Got none. Say why this model should be live."
        raise ModelError(message)
    if model.stage == Stage.LIVE:
        raise ModelError(f"A model must not be live to be promoted. {model} is. Nothing to do.")
    signing.check(model)
    if settings.ASSAY_FOUR_EYES and model.created_by_id == user.pk:
        message = (
            "A model must be promoted by somebody else than who trained it. You trained this one. "
            "Ask a colleague with the role to promote it."
        )
        raise NotAllowedError(message)
