"""Pages of models: by stage, and the card of each; how they are moved."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.registry import comparison as comparing
from apps.registry import compressing, listing, services, stages
from apps.registry import figures as side_by_side
from apps.registry.forms import ModelFilter
from apps.registry.models import ModelVersion, Stage
from apps.registry.serving import serving
from apps.registry.words import in_words
from ml_core.errors import ModelError, NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from apps.accounts.models import User

PER_PAGE = 25
N_RESULTS = 5
MOST_CHOICES = 200
_SHOWN = ("run__dataset_version__dataset", "created_by", "team")
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
        "variants",
        "privacy",
    }
)


@require_GET
@allowed("models.view")
def index(request: UserRequest) -> HttpResponse:
    visible = ModelVersion.objects.visible_to(request.user)
    form = ModelFilter(request.user, request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    chosen = listing.narrowed(visible, asked).usable().select_related(*_SHOWN).defer("manifest")
    page = Paginator(chosen, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page_obj": page,
        "lines": [listing.line(one) for one in page],
        "is_narrowed": any(asked.values()),
    }
    return render(request, "registry/index.html", context)


@require_GET
@allowed("models.view")
def model(request: UserRequest, model_id: uuid.UUID) -> HttpResponse:
    found = _model(request, model_id)
    card = found.card
    figures = side_by_side.compared(found.solution, found.metrics, card)
    name = side_by_side.baseline_name(card)
    context = {
        "model": found,
        "run": found.learned_in,
        "card": card,
        "figures": figures,
        "baseline_name": name,
        "verdict": side_by_side.verdict(figures, name),
        "split": (found.run and found.run.how_split) or card.get("split"),
        "privacy": _privacy(card),
        "may_compress": can(request.user, "solutions.train", found)
        and bool(compressing.offered(found.solution)),
        "compressions": found.compressions.select_related("result")[:N_RESULTS],
        "rest": _rest(card),
        "limits": _as_list(card.get("limits")),
        "variants": listing.variants(found),
        "changes": found.changes.select_related("by", "other").order_by("-at"),
        "made": _made_with(request, found),
        "serving": serving(found),
        **_moves(request, found),
    }
    return render(request, "registry/model.html", context)


@require_GET
@allowed("models.view")
def card(request: UserRequest, model_id: uuid.UUID) -> JsonResponse:
    """Answer everything that is known of a model as a file of JSON."""
    found = _model(request, model_id)
    response = JsonResponse(listing.document(found), json_dumps_params={"indent": 1})
    name = f"{found.solution}-model-{found.number}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_GET
@allowed("models.view")
def compare(request: UserRequest) -> HttpResponse:
    """Show two models of one solution side by side, or let somebody choose them."""
    ids = [*request.GET.getlist("ids"), request.GET.get("a", ""), request.GET.get("b", "")]
    found = [_model(request, one) for one in _uuids(ids)[:2]]
    context: dict[str, Any] = {"choices": _choices(request, found), "a": None, "b": None}
    if found:
        context["a"] = found[0]
    if len(found) == 2:
        a, b = found
        context["b"] = b
        if a.solution == b.solution:
            context["comparison"] = comparing.compare(a, b)
            context["sides"] = [_moves(request, one) | {"model": one} for one in (a, b)]
        else:
            context["problem"] = (
                f"Models to compare must be of one solution. Got {a.solution} and {b.solution}. "
                "Choose two of the same."
            )
    return render(request, "registry/compare.html", context)


@require_POST
@allowed("models.promote")
def promote(request: UserRequest, model_id: uuid.UUID) -> HttpResponse:
    text = "Model {number} is live. Scoring takes it from now on."
    return _move(request, model_id, services.promote, text)


@require_POST
@allowed("models.promote")
def roll_back(request: UserRequest, model_id: uuid.UUID) -> HttpResponse:
    text = "Back to model {number}: it is live. Scoring takes it from now on."
    return _move(request, model_id, services.roll_back, text)


@require_POST
@allowed("models.promote")
def retire(request: UserRequest, model_id: uuid.UUID) -> HttpResponse:
    text = "Model {number} is retired. It is kept, and can be brought back."
    return _move(request, model_id, services.retire, text)


@require_POST
@allowed("models.promote")
def restore(request: UserRequest, model_id: uuid.UUID) -> HttpResponse:
    return _move(request, model_id, services.restore, "Model {number} is a candidate again.")


def _move(
    request: UserRequest,
    model_id: uuid.UUID,
    act: Callable[[ModelVersion, User, str], ModelVersion],
    text: str,
) -> HttpResponse:
    found = _model(request, model_id)
    require(request.user, "models.promote", found)
    try:
        moved = act(found, request.user, request.POST.get("reason", ""))
    except (ModelError, NotAllowedError) as error:
        messages.error(request, str(error))
        return redirect(found)
    messages.success(request, text.format(number=moved.number))
    return redirect(moved)


def _moves(request: UserRequest, found: ModelVersion) -> dict[str, Any]:
    """Return what this person may do with a model, and what it would take the place of."""
    may = can(request.user, "models.promote", found)
    is_live = found.stage == Stage.LIVE
    own = settings.ASSAY_FOUR_EYES and found.created_by_id == request.user.pk
    return {
        "may_promote": may and not is_live,
        "needs_other": own and not found.changes.filter(stage=Stage.LIVE).exists(),
        "live": found if is_live else services.live(found.solution, found.team),
        "may_roll_back": may and is_live,
        "previous": stages.previous(found) if is_live else None,
        "may_retire": may and found.stage in (Stage.CANDIDATE, Stage.SHADOW),
        "may_restore": may and found.stage == Stage.RETIRED,
    }


def _made_with(request: UserRequest, found: ModelVersion) -> dict[str, Any]:
    """Return what was made with a model: the newest results, and how many there are."""
    if not can(request.user, "results.view", found):
        return {}
    results = found.predictions.select_related("dataset_version__dataset")
    return {
        "results": results.defer("report").order_by("-created_at")[:N_RESULTS],
        "n_results": results.count(),
        "n_answers": found.answers.count(),
    }


def _choices(request: UserRequest, chosen: list[ModelVersion]) -> list[ModelVersion]:
    models = ModelVersion.objects.visible_to(request.user).select_related("team")
    if chosen:
        models = models.filter(solution=chosen[0].solution, team=chosen[0].team_id)
    newest = models.usable().defer("card", "metrics", "manifest")[:MOST_CHOICES]
    return list({one.pk: one for one in [*newest, *chosen]}.values())


def _uuids(texts: Sequence[str]) -> list[uuid.UUID]:
    try:
        return list(dict.fromkeys(uuid.UUID(one) for one in texts if one.strip()))
    except ValueError as error:
        raise Http404 from error


def _model(request: UserRequest, model_id: uuid.UUID) -> ModelVersion:
    chosen = ModelVersion.objects.select_related(
        *_SHOWN, "run__job", "promoted_by", "parent__run__dataset_version__dataset"
    )
    found: ModelVersion = get_object_or_404(chosen, pk=model_id)
    require(request.user, "models.view", found)
    return found


def _rest(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what else a card says, in plain words."""
    return [
        (name.replace("_", " ").capitalize(), in_words(value))
        for name, value in card.items()
        if name not in _PLACED and value not in (None, "", [], {})
    ]


def _privacy(card: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a model that was learnt privately promises; a card may be of a stranger."""
    found = card.get("privacy")
    if not isinstance(found, dict) or not isinstance(found.get("epsilon"), int | float):
        return None
    return {**found, "not_covered": _as_list(found.get("not_covered"))}


def _as_list(found: Any) -> list[str]:
    if isinstance(found, str):
        return [found]
    return [str(one) for one in found] if isinstance(found, list | tuple) else []
