"""How models move from stage to stage: by whom, why, and what was there before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.policies import require
from apps.audit.services import record
from apps.registry.bundles import require_whole
from apps.registry.models import ModelVersion, Move, Stage, StageChange
from ml_core.errors import ModelError, NotAllowedError

if TYPE_CHECKING:
    from apps.accounts.models import Team, User

LONGEST_REASON = 1000
_ACTIONS = {Move.PROMOTED: "model.promoted", Move.ROLLED_BACK: "model.rolled_back"}


def live(solution: str, team: Team) -> ModelVersion | None:
    """Return the live model of a team for a solution, if there is one."""
    found: ModelVersion | None = ModelVersion.objects.filter(
        solution=solution, team=team, stage=Stage.LIVE
    ).first()
    return found


def previous(model: ModelVersion) -> ModelVersion | None:
    """Return the model that a live one would be rolled back to, if there is one.

    That is the one that was live before it was first made live: a model that was rolled back
    from is not come back to.
    """
    steps = (
        StageChange.objects.filter(
            stage=Stage.LIVE, model__team=model.team_id, model__solution=model.solution
        )
        .order_by("at")
        .values_list("model_id", flat=True)
    )
    line: list[Any] = []
    for pk in steps:
        line = line[: line.index(pk)] if pk in line else line
        line.append(pk)
    place = line.index(model.pk) if model.pk in line else 0
    found: ModelVersion | None = (
        ModelVersion.objects.filter(pk=line[place - 1]).first() if place else None
    )
    return found


def promote(model: ModelVersion, user: User, reason: str) -> ModelVersion:
    """Make a model the live one; the one before retires. A retired one may come back.

    Raises: NotAllowedError, Http404: without the right, or for one's own training under four
        eyes. ModelError: if it is live already, or its files or manifest were changed.
    """
    require(user, "models.promote", model)
    _require_reason(reason)
    require_whole(model)
    with transaction.atomic():
        locked = _locked(model)
        model = locked[model.pk]
        if model.stage == Stage.LIVE:
            raise ModelError(f"A model must not be live to be promoted. {model} is. Nothing to do.")
        was_live = model.changes.filter(stage=Stage.LIVE).exists()
        _require_other_eyes(model, user, was_live=was_live)
        move = Move.ROLLED_BACK if was_live else Move.PROMOTED
        before = next((one for one in locked.values() if one.stage == Stage.LIVE), None)
        return _make_live(model, before, user, reason.strip(), move)


def roll_back(model: ModelVersion, user: User, reason: str) -> ModelVersion:
    """Make live again what was live before a live model, and return it.

    Raises: NotAllowedError, Http404: without the right. ModelError: if the model is no longer
        live, nothing was live before it, or the files of that are damaged.
    """
    require(user, "models.promote", model)
    _require_reason(reason)
    target = previous(model)
    if target is not None:
        require_whole(target)
    with transaction.atomic():
        locked = _locked(model)
        if locked[model.pk].stage != Stage.LIVE:
            message = (
                f"A model must be live to be rolled back from. {model} is not, or not any more. "
                "Load the page again and look which one is."
            )
            raise ModelError(message)
        if target is None or target.pk not in locked:
            message = (
                f"There must be a model that was live before {model}. There is none. "
                "Promote another one instead."
            )
            raise ModelError(message)
        return _make_live(
            locked[target.pk], locked[model.pk], user, reason.strip(), Move.ROLLED_BACK
        )


def retire(model: ModelVersion, user: User, reason: str) -> ModelVersion:
    """Put a candidate aside. Raises: ModelError: if it is live or retired already."""
    return _set_aside(model, user, reason, Move.RETIRED)


def restore(model: ModelVersion, user: User, reason: str) -> ModelVersion:
    """Make a retired model a candidate again. Raises: ModelError: if it is not retired."""
    return _set_aside(model, user, reason, Move.RESTORED)


@transaction.atomic
def _set_aside(model: ModelVersion, user: User, reason: str, move: Move) -> ModelVersion:
    require(user, "models.promote", model)
    _require_reason(reason)
    model = _locked(model)[model.pk]
    before = model.stage
    wanted = {Move.RETIRED: (Stage.CANDIDATE, Stage.SHADOW), Move.RESTORED: (Stage.RETIRED,)}
    if before not in wanted[move]:
        names = " or ".join(stage.label.lower() for stage in wanted[move])
        hint = " Promote another one, which retires it." if before == Stage.LIVE else ""
        raise ModelError(f"The model must be a {names} for this. {model} is {before}.{hint}")
    model.stage = Stage.RETIRED if move == Move.RETIRED else Stage.CANDIDATE
    model.save(update_fields=["stage"])
    StageChange.objects.create(
        model=model, move=move, stage=model.stage, by=user, reason=reason.strip()
    )
    record(
        f"model.{move.value}", actor=user, team=model.team, thing=model, reason=reason.strip(),
        before={"stage": before}, after={"stage": model.stage},
    )  # fmt: skip
    return model


def _make_live(
    model: ModelVersion, before: ModelVersion | None, user: User, reason: str, move: Move
) -> ModelVersion:
    """Let a model follow another; both rows are locked."""
    now, was = timezone.now(), model.stage
    if before is not None:
        before.stage = Stage.RETIRED
        before.save(update_fields=["stage"])
        StageChange.objects.create(
            model=before, move=Move.REPLACED, stage=before.stage, other=model, by=user, at=now,
            reason=reason,
        )  # fmt: skip
    model.stage, model.promoted_by, model.promoted_at = Stage.LIVE, user, now
    model.promoted_why = reason
    model.save(update_fields=["stage", "promoted_by", "promoted_at", "promoted_why"])
    StageChange.objects.create(
        model=model, move=move, stage=model.stage, other=before, by=user, at=now, reason=reason
    )
    record(
        _ACTIONS[move],
        actor=user,
        team=model.team,
        thing=model,
        reason=reason,
        retired=str(before.pk) if before else None,
        before={"stage": was, "live": before.number if before else None},
        after={"stage": model.stage, "live": model.number},
    )
    return model


def _locked(model: ModelVersion) -> dict[Any, ModelVersion]:
    """Return all models of the same kind as they are now, and let nobody else move them."""
    same = ModelVersion.objects.filter(team=model.team_id, solution=model.solution)
    rows = same.select_for_update().defer("card", "metrics", "manifest")
    return {one.pk: one for one in rows}


def _require_reason(reason: str) -> None:
    if not reason.strip():
        message = "A change of stage must have a reason. Got none. Say why the model should move."
        raise ModelError(message)
    if len(reason.strip()) > LONGEST_REASON:
        message = (
            f"A reason must have at most {LONGEST_REASON:,} characters. "
            f"Got {len(reason.strip()):,}. Shorten it."
        )
        raise ModelError(message)


def _require_other_eyes(model: ModelVersion, user: User, *, was_live: bool) -> None:
    # A model that was live before had its second person then.
    if settings.ASSAY_FOUR_EYES and model.created_by_id == user.pk and not was_live:
        message = (
            "A model must be promoted by somebody else than who trained it. You trained this one. "
            "Ask a colleague with the role to promote it."
        )
        raise NotAllowedError(message)
