"""Pages of trainings: the form, the list, one run live, several side by side."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.catalog.services import solution as find_solution
from apps.datasets.models import DatasetVersion
from apps.experiments import curves, services
from apps.experiments.forms import TrainForm
from apps.experiments.models import TrainingRun
from apps.registry.figures import compared
from ml_core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

N_LOG_LINES = 200
MOST_COMPARED = 6
STOP_POLLING = 286  # htmx's way to be told that nothing more will come


@require_http_methods(["GET", "HEAD", "POST"])
@allowed("solutions.train")
def train(request: UserRequest, slug: str) -> HttpResponse:
    solution = find_solution(slug)
    versions = ready_versions(request, slug)
    first = {"version": request.GET.get("version") or versions.values_list("pk", flat=True).first()}
    form = TrainForm(solution.options, versions, request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        started = _start(request, slug, form)
        if started is not None:
            return redirect(started)
    context = {"form": form, "solution": solution, "has_data": versions.exists()}
    status = 422 if form.is_bound else 200
    return render(request, "experiments/train.html", context, status=status)


def _start(request: UserRequest, slug: str, form: TrainForm) -> TrainingRun | None:
    data = form.cleaned_data
    try:
        return services.start_training(
            user=request.user,
            solution=slug,
            version=data["version"],
            options=form.options,
            seed=data["seed"] or 0,
            token=data["token"],
        )
    except (ConfigError, DataError) as error:
        form.add_error(None, str(error))
        return None


def ready_versions(request: UserRequest, slug: str) -> QuerySet[DatasetVersion]:
    """Return the dataset versions that this person may train or score with."""
    versions: QuerySet[DatasetVersion] = (
        DatasetVersion.objects.visible_to(request.user)
        .filter(dataset__solution=slug, state="ready")
        .select_related("dataset")
        .order_by("-created_at")
    )
    return versions


@require_GET
@allowed("runs.view")
def index(request: UserRequest) -> HttpResponse:
    runs = TrainingRun.objects.visible_to(request.user).select_related(
        "dataset_version__dataset", "created_by", "model"
    )
    page = Paginator(runs, 25).get_page(request.GET.get("page"))
    rows = [{"run": run, "figure": headline(run)} for run in page]
    return render(request, "experiments/index.html", {"page_obj": page, "rows": rows})


@require_GET
@allowed("runs.view")
def run(request: UserRequest, run_id: uuid.UUID) -> HttpResponse:
    found = _run(request, run_id)
    context = _context(request, found)
    context["charts"] = {of: curves.chart(found, of) for of in curves.TITLES}
    return render(request, "experiments/run.html", context)


@require_GET
@allowed("runs.view")
def live(request: UserRequest, run_id: uuid.UUID) -> HttpResponse:
    """Answer the part of the page that moves; asked for each second until the end."""
    found = _run(request, run_id)
    status = STOP_POLLING if found.has_ended else 200
    response = render(request, "experiments/_live.html", _context(request, found), status=status)
    if found.has_ended and request.GET.get("was") == "running":
        response["HX-Refresh"] = "true"  # the whole page says more once it is over
    return response


@require_GET
@allowed("runs.view")
def curve(request: UserRequest, run_id: uuid.UUID, of: str) -> HttpResponse:
    if of not in curves.TITLES:
        raise Http404
    return JsonResponse(curves.chart(_run(request, run_id), of))


@require_GET
@allowed("runs.view")
def compare(request: UserRequest) -> HttpResponse:
    runs = _chosen(request)
    options = list(dict.fromkeys(name for run in runs for name in run.options))
    context = {
        "runs": runs,
        "figures": _figures(runs),
        "options": [_line(name, [run.options.get(name) for run in runs]) for name in options],
        "charts": curves.comparison(runs),
    }
    return render(request, "experiments/compare.html", context)


def headline(run: TrainingRun) -> dict[str, Any] | None:
    """Return the deciding figure of a run, or None while there is none."""
    figures = compared(run.solution, run.metrics, {})
    return figures[0] if figures else None


def _chosen(request: UserRequest) -> Sequence[TrainingRun]:
    asked = ",".join(request.GET.getlist("ids")).split(",")
    try:
        ids = [uuid.UUID(one) for one in asked if one.strip()][:MOST_COMPARED]
    except ValueError as error:
        raise Http404 from error
    runs = TrainingRun.objects.visible_to(request.user).filter(pk__in=ids)
    by_id = {run.pk: run for run in runs.select_related("dataset_version__dataset", "model")}
    if len(by_id) != len(set(ids)):
        raise Http404
    return [by_id[one] for one in dict.fromkeys(ids)]


def _figures(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    """Return a line for each figure, with what each run has of it, in the order of the first."""
    by_run = [{f["name"]: f for f in compared(run.solution, run.metrics, {})} for run in runs]
    known = {name: figure for figures in by_run for name, figure in figures.items()}
    return [
        {"figure": figure, "values": [figures.get(name) for figures in by_run]}
        for name, figure in known.items()
    ]


def _line(name: str, values: list[Any]) -> dict[str, Any]:
    differs = any(value != values[0] for value in values)
    return {"name": name, "values": values, "differs": differs}


def _run(request: UserRequest, run_id: uuid.UUID) -> TrainingRun:
    chosen = TrainingRun.objects.select_related(
        "dataset_version__dataset", "created_by", "job", "model"
    )
    found: TrainingRun = get_object_or_404(chosen, pk=run_id)
    require(request.user, "runs.view", found)
    return found


def _context(request: UserRequest, found: TrainingRun) -> dict[str, Any]:
    job, model = found.job, getattr(found, "model", None)
    last = list(job.events.order_by("-id")[:N_LOG_LINES]) if job else []
    card = model.card if model else {}
    return {
        "run": found,
        "job": job,
        "model": model,
        "events": last[::-1],
        "figures": compared(found.solution, found.metrics, card),
        "may_cancel": job is not None
        and job.can_be_cancelled
        and can(request.user, "jobs.cancel", found),
        "may_retry": job is not None
        and job.can_be_retried
        and can(request.user, "jobs.retry", found),
    }
