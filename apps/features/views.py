"""Pages of the feature store: what is defined, one definition, one kept view, a look-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import Count, Max, Sum
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.audit.services import record
from apps.catalog.services import registry
from apps.catalog.services import solution as find_solution
from apps.datasets.errors import ConflictError
from apps.datasets.models import DatasetVersion
from apps.features import online, services
from apps.features.definitions import current, definition, lines_of
from apps.features.errors import StoreUnreachableError
from apps.features.forms import LookUpForm, MaterialiseForm
from apps.features.freshness import freshness, newest_version
from apps.features.models import FeatureView, Materialization
from apps.features.summary import summary
from ml_core.errors import AssayError

if TYPE_CHECKING:
    import uuid

    from django.http import HttpResponse

PER_PAGE = 25


@require_GET
@allowed("features.view")
def index(request: UserRequest) -> HttpResponse:
    rows = FeatureView.objects.visible_to(request.user).order_by().values("solution", "name")
    kept = {
        (row["solution"], row["name"]): row
        for row in rows.annotate(
            n_kept=Count("pk"), newest=Max("newest_event"), all_rows=Sum("n_rows")
        )
    }
    groups = [
        {
            "solution": solution,
            "views": [{"view": view} | kept.get((solution.slug, view.name), {})
                      for view in solution.features()],
        }
        for solution in registry()
        if solution.features()
    ]  # fmt: skip
    return render(request, "features/index.html", {"groups": groups})


@require_GET
@allowed("features.view")
def show_definition(request: UserRequest, slug: str, name: str) -> HttpResponse:
    found = definition(slug, name)
    rows = FeatureView.objects.visible_to(request.user).filter(solution=slug, name=name)
    page = Paginator(
        rows.light().with_newest().select_related("dataset", "version").order_by("-created_at"),
        PER_PAGE,
    ).get_page(request.GET.get("page"))
    context = {
        "solution": find_solution(slug),
        "definition": found,
        "lines": lines_of(found),
        "page_obj": page,
        "rows": [{"view": view, "freshness": freshness(view)} for view in page],
        "may_materialise": can(request.user, "features.materialise"),
    }
    return render(request, "features/definition.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@allowed("features.materialise")
def materialise(request: UserRequest, slug: str, name: str) -> HttpResponse:
    found = definition(slug, name)
    versions = _ready_versions(request, slug)
    first = {"version": request.GET.get("version") or versions.values_list("pk", flat=True).first()}
    form = MaterialiseForm(versions, request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        started = _start(request, form, name)
        if started is not None and started.job is not None:
            return redirect(started.job)
    context = {
        "form": form,
        "definition": found,
        "solution": find_solution(slug),
        "has_data": versions.exists(),
    }
    status = 422 if form.is_bound else 200
    return render(request, "features/materialise.html", context, status=status)


def _ready_versions(request: UserRequest, slug: str) -> Any:
    return (
        DatasetVersion.objects.visible_to(request.user)
        .filter(dataset__solution=slug, state="ready")
        .select_related("dataset")
        .order_by("-created_at")
    )


def _start(request: UserRequest, form: MaterialiseForm, name: str) -> Materialization | None:
    said = form.cleaned_data
    version: DatasetVersion = said["version"]
    try:
        return services.materialise(
            user=request.user, name=name, version=version, mode=said["mode"],
            start=said["start"], end=said["end"], token=said["token"],
        )  # fmt: skip
    except (AssayError, ConflictError) as error:
        form.add_error(None, str(error))
        return None


@require_GET
@allowed("features.view")
def view(request: UserRequest, view_id: uuid.UUID) -> HttpResponse:
    found = view_for(request, view_id)
    return render(request, "features/view.html", _context(request, found))


@require_POST
@allowed("features.view")
def look_up(request: UserRequest, view_id: uuid.UUID) -> HttpResponse:
    """Answer the features of one entity; by POST, since its name must not stand in an address."""
    found = view_for(request, view_id)
    require(request.user, "datasets.view", found)
    known = current(found)
    form = LookUpForm(known.entity if known else "entity", request.POST)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        try:
            context |= _looked_up(request, found, form)
        except (ConflictError, StoreUnreachableError, AssayError) as error:
            form.add_error(None, str(error))
    if not request.htmx:  # type: ignore[attr-defined]
        context = _context(request, found) | context
        return render(request, "features/view.html", context)
    return render(request, "features/_look_up.html", context | {"view": found})


def _looked_up(request: UserRequest, found: FeatureView, form: LookUpForm) -> dict[str, Any]:
    at = form.moment
    [one] = online.look_up(found, [form.cleaned_data["entity"]], at)
    record("features.looked_up", actor=request.user, team=found.team, thing=found, n_entities=1)
    return {
        "found": one,
        "at": at,
        "newest": online.moment(one.newest),
        "figures": list(one.features.items()),
    }


def view_for(request: UserRequest, view_id: uuid.UUID) -> FeatureView:
    """Return a kept view. Raises: Http404: as if there were none, to outsiders."""
    rows = FeatureView.objects.with_newest().select_related(
        "dataset", "version", "team", "created_by"
    )
    found: FeatureView = get_object_or_404(rows, pk=view_id)
    require(request.user, "features.view", found)
    return found


def _context(request: UserRequest, found: FeatureView) -> dict[str, Any]:
    known = current(found)
    runs = found.materializations.select_related("job", "version", "created_by")
    return {
        "view": found,
        "definition": known,
        "lines": lines_of(known) if known else [],
        "freshness": freshness(found),
        "newest_version": newest_version(found),
        "summary": summary(found) if found.is_materialised else [],
        "page_obj": Paginator(runs, PER_PAGE).get_page(request.GET.get("page")),
        "last": runs.filter(state="succeeded").first(),
        "form": LookUpForm(known.entity) if known else None,
        "may_materialise": can(request.user, "features.materialise", found) and known is not None,
        "may_look_up": can(request.user, "datasets.view", found) and found.online_space != "",
    }
