"""Pages of scoring: the form, the list of results, and one result with its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.catalog.services import solution as find_solution
from apps.datasets.models import DatasetVersion
from apps.inference import listing, services
from apps.inference.forms import RowFilter, ScoreForm
from apps.inference.models import Prediction
from apps.inference.results import ResultTable
from apps.registry.figures import compared
from apps.registry.models import ModelVersion
from ml_core.errors import ConfigError, DataError, ModelError

if TYPE_CHECKING:
    import uuid

    from django.http import HttpResponse

STOP_POLLING = 286  # htmx's way to be told that nothing more will come


@require_http_methods(["GET", "HEAD", "POST"])
@allowed("solutions.score")
def score(request: UserRequest, slug: str) -> HttpResponse:
    solution = find_solution(slug)
    versions = (
        DatasetVersion.objects.visible_to(request.user)
        .filter(dataset__solution=slug, state="ready")
        .select_related("dataset")
        .order_by("-created_at")
    )
    models = ModelVersion.objects.visible_to(request.user).filter(solution=slug).usable()
    newest = versions.values_list("pk", flat=True).first()
    first = {
        "version": request.GET.get("version") or newest,
        "model": request.GET.get("model", ""),
    }
    form = ScoreForm(versions, models, request.POST or None, initial=first)
    form.add_settings(solution.settings)
    if request.method == "POST" and form.is_valid():
        started = _start(request, form)
        if started is not None:
            return redirect(started)
    context = {
        "form": form,
        "solution": solution,
        "has_data": versions.exists(),
        "has_model": models.exists(),
    }
    status = 422 if form.is_bound else 200
    return render(request, "inference/score.html", context, status=status)


def _start(request: UserRequest, form: ScoreForm) -> Prediction | None:
    data = form.cleaned_data
    try:
        return services.start_scoring(
            user=request.user,
            version=data["version"],
            model=data["model"],
            history=form.past,
            settings=form.chosen_settings,
            token=data["token"],
        )
    except (ConfigError, DataError, ModelError) as error:
        form.add_error(None, str(error))
        return None


@require_GET
@allowed("results.view")
def index(request: UserRequest) -> HttpResponse:
    results = (
        Prediction.objects.visible_to(request.user)
        .defer("report", "facts", "metrics", "columns")
        .select_related("dataset_version__dataset", "model", "created_by")
    )
    page = Paginator(results, 25).get_page(request.GET.get("page"))
    return render(request, "inference/index.html", {"page_obj": page})


@require_GET
@allowed("results.view")
def result(request: UserRequest, prediction_id: uuid.UUID) -> HttpResponse:
    prediction = prediction_for(request, prediction_id)
    if not prediction.is_ready:
        return render(request, "inference/waiting.html", _waiting(request, prediction))
    context = _table(request, prediction)
    if request.htmx and not request.htmx.history_restore_request:  # type: ignore[attr-defined]
        return render(request, "inference/_rows.html", context)
    ResultTable(prediction).warm()
    context |= {
        "figures": compared(prediction.solution, prediction.metrics, {}),
        "was_learned_from": prediction.was_learned_from,
        "may_download": can(request.user, "results.download", prediction),
        "has_questions": all(prediction.column_of(kind=kind) for kind in ("image", "text")),
    }
    return render(request, "inference/result.html", context)


@require_GET
@allowed("results.view")
def live(request: UserRequest, prediction_id: uuid.UUID) -> HttpResponse:
    """Answer the part of the page that moves; asked for each second until the end."""
    prediction = prediction_for(request, prediction_id)
    status = STOP_POLLING if prediction.has_ended else 200
    context = _waiting(request, prediction)
    response = render(request, "inference/_live.html", context, status=status)
    if prediction.has_ended:
        response["HX-Refresh"] = "true"  # the page of a result is another one
    return response


def prediction_for(request: UserRequest, prediction_id: uuid.UUID) -> Prediction:
    """Return a prediction that this person may see. Raises: Http404: if there is none."""
    chosen = Prediction.objects.select_related(
        "dataset_version__dataset", "history_version__dataset", "model__run", "job", "created_by"
    )
    found: Prediction = get_object_or_404(chosen, pk=prediction_id)
    require(request.user, "results.view", found)
    return found


def _table(request: UserRequest, prediction: Prediction) -> dict[str, Any]:
    form = RowFilter(prediction, request.GET)
    page = listing.page_of(prediction, form.query, request.GET)
    return {"prediction": prediction, "form": form, **page}


def _waiting(request: UserRequest, prediction: Prediction) -> dict[str, Any]:
    job = prediction.job
    return {
        "prediction": prediction,
        "job": job,
        "may_cancel": job is not None
        and job.can_be_cancelled
        and can(request.user, "jobs.cancel", prediction),
        "may_retry": job is not None
        and job.can_be_retried
        and can(request.user, "jobs.retry", prediction),
    }
