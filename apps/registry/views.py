"""Pages of models: by stage, and the card of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.registry import figures as side_by_side
from apps.registry import services
from apps.registry.models import ModelVersion, Stage
from ml_core.errors import ModelError, NotAllowedError

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from django.http import HttpResponse

MOST_PER_STAGE = 50
_ORDER = (Stage.LIVE, Stage.CANDIDATE, Stage.SHADOW, Stage.RETIRED)
# Parts of a card that have a place of their own on the page.
_PLACED = frozenset(
    {
        "metrics",
        "baseline",
        "intervals",
        "limits",
        "licence",
        "data_origin",
        "split",
        "options",
        "seed",
        "solution",
        "title",
        "purpose",
        "versions",
    }
)


@require_GET
@allowed("models.view")
def index(request: UserRequest) -> HttpResponse:
    models = ModelVersion.objects.visible_to(request.user).select_related(
        "run__dataset_version__dataset", "promoted_by"
    )
    stages = []
    for stage in _ORDER:
        chosen = list(models.filter(stage=stage).order_by("-created_at")[:MOST_PER_STAGE])
        stages.append({"stage": stage, "models": [_line(one) for one in chosen]})
    shown = [one for one in stages if one["models"]]
    return render(request, "registry/index.html", {"stages": shown})


@require_GET
@allowed("models.view")
def model(request: UserRequest, model_id: uuid.UUID) -> HttpResponse:
    found = _model(request, model_id)
    card = found.card
    figures = side_by_side.compared(found.solution, found.metrics, card)
    name = side_by_side.baseline_name(card)
    context = {
        "model": found,
        "run": found.run,
        "card": card,
        "figures": figures,
        "baseline_name": name,
        "verdict": side_by_side.verdict(figures, name),
        "split": (found.run and found.run.how_split) or card.get("split"),
        "rest": _rest(card),
        "limits": _as_list(card.get("limits")),
        "may_promote": can(request.user, "models.promote", found) and found.stage != Stage.LIVE,
        "needs_other": settings.ASSAY_FOUR_EYES and found.created_by_id == request.user.pk,
        "live": services.live(found.solution, found.team),
    }
    return render(request, "registry/model.html", context)


@require_POST
@allowed("models.promote")
def promote(request: UserRequest, model_id: uuid.UUID) -> HttpResponse:
    found = _model(request, model_id)
    require(request.user, "models.promote", found)
    try:
        services.promote(found, request.user, request.POST.get("reason", ""))
    except (ModelError, NotAllowedError) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Model {found.number} is live. Scoring takes it from now on.")
    return redirect(found)


def _line(found: ModelVersion) -> dict[str, Any]:
    figures = side_by_side.compared(found.solution, found.metrics, found.card)
    return {"model": found, "figure": figures[0] if figures else None}


def _model(request: UserRequest, model_id: uuid.UUID) -> ModelVersion:
    chosen = ModelVersion.objects.select_related(
        "run__dataset_version__dataset", "run__job", "created_by", "promoted_by", "team"
    )
    found: ModelVersion = get_object_or_404(chosen, pk=model_id)
    require(request.user, "models.view", found)
    return found


def _rest(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what else a card says, in plain words."""
    return [
        (name.replace("_", " ").capitalize(), _say(value))
        for name, value in card.items()
        if name not in _PLACED and value not in (None, "", [], {})
    ]


def _say(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_say(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_say(one) for one in value)
    return format(value, ".4g") if isinstance(value, float) else str(value)


def _as_list(found: Any) -> list[str]:
    if isinstance(found, str):
        return [found]
    return [str(one) for one in found] if isinstance(found, list | tuple) else []
