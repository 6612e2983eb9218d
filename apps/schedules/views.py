"""Pages of schedules: what comes next, one policy with its history, and its form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import OuterRef, Subquery
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.catalog.services import registry
from apps.catalog.services import solution as find_solution
from apps.datasets.errors import ConflictError
from apps.datasets.models import Dataset
from apps.schedules import calendar, services
from apps.schedules.due import reason_not_to
from apps.schedules.forms import PolicyForm, initial_of, suggested
from apps.schedules.labels import latest_ready, ungathered
from apps.schedules.models import Outcome, Policy, ScheduleRun, Trigger
from ml_core.errors import AssayError, ConfigError, NotAllowedError

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from django.http import HttpResponse

    from apps.accounts.models import User

N_COMING = 10
POLICY = "team", "dataset", "changed_by", "approved_by", "created_by"


@require_GET
@allowed("schedules.view")
def index(request: UserRequest) -> HttpResponse:
    last = ScheduleRun.objects.filter(policy=OuterRef("pk")).order_by("-created_at")
    policies = (
        Policy.objects.visible_to(request.user)
        .filter(deleted_at=None)
        .select_related("dataset", "team")
        .annotate(
            last_state=Subquery(last.values("state")[:1]),
            last_reason=Subquery(last.values("reason")[:1]),
            last_at=Subquery(last.values("created_at")[:1]),
        )
    )
    page = Paginator(policies, 25).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "rows": [{"policy": one, "when": calendar.in_words(one)} for one in page],
        "coming": calendar.coming(policies.filter(is_paused=False), N_COMING),
        "solutions": list(registry()),
        "may_manage": can(request.user, "schedules.manage"),
    }
    return render(request, "schedules/index.html", context)


@require_GET
@allowed("schedules.view")
def policy(request: UserRequest, policy_id: uuid.UUID) -> HttpResponse:
    found = _policy(request, policy_id)
    runs = found.runs.select_related("version__dataset", "training", "model", "job", "created_by")
    page = Paginator(runs, 20).get_page(request.GET.get("page"))
    is_open = any(run.is_open for run in page)
    is_kept = found.deleted_at is None
    may_approve = is_kept and can(request.user, "models.promote", found)
    may_manage = is_kept and can(request.user, "schedules.manage", found)
    context = {
        "policy": found,
        "page_obj": page,
        "when": calendar.in_words(found),
        "coming": calendar.next_of(found),
        "metric": _title_of(found),
        "has_open_run": is_open,
        "waits": _waits(found),
        "n_ungathered": 0 if request.htmx else ungathered(found),  # type: ignore[attr-defined]
        "may_manage": may_manage,
        "may_run": may_manage and can(request.user, "solutions.train"),
        "may_approve": may_approve and found.needs_approval,
        "wants_live": found.outcome == Outcome.LIVE,
        "is_own": settings.ASSAY_FOUR_EYES
        and request.user.pk in {found.created_by_id, found.changed_by_id},
    }
    template = "schedules/_history.html" if request.htmx else "schedules/policy.html"  # type: ignore[attr-defined]
    return render(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
@allowed("schedules.manage")
def new(request: UserRequest, slug: str) -> HttpResponse:
    solution = find_solution(slug)
    datasets = _datasets(request.user, slug)
    form = PolicyForm(
        solution,
        datasets,
        request.POST or None,
        user_zone=request.user.timezone,
        initial={"dataset": request.GET.get("dataset"), **suggested(solution)},
    )
    if request.method == "POST" and form.is_valid():
        said, token = form.said, form.cleaned_data["token"]
        made = _try(form, lambda: services.create(user=request.user, token=token, **said))
        if made is not None:
            return redirect(made)
    why = [one.why for one in solution.schedules()[:1]]
    return _form(request, form, solution=solution, has_data=datasets.exists(), why=why)


@require_http_methods(["GET", "HEAD", "POST"])
@allowed("schedules.manage")
def edit(request: UserRequest, policy_id: uuid.UUID) -> HttpResponse:
    found = _policy(request, policy_id)
    require(request.user, "schedules.manage", found)
    solution = find_solution(found.solution)
    datasets = _datasets(request.user, found.solution).filter(team=found.team)
    form = PolicyForm(
        solution,
        datasets,
        request.POST or None,
        user_zone=request.user.timezone,
        initial=initial_of(found),
    )
    if request.method == "POST" and form.is_valid():
        said = form.said
        made = _try(form, lambda: services.change(user=request.user, policy=found, **said))
        if made is not None:
            return redirect(made)
    return _form(request, form, solution=solution, has_data=True, policy=found)


def _form(request: UserRequest, form: PolicyForm, **context: Any) -> HttpResponse:
    status = 422 if form.is_bound else 200
    text = form["cron"].value() or ""
    said = _preview(str(text), str(form["zone"].value() or "UTC"))
    return render(request, "schedules/form.html", {"form": form, **context, **said}, status=status)


def _try(form: PolicyForm, act: Callable[[], Policy]) -> Policy | None:
    try:
        return act()
    except (ConfigError, ConflictError, NotAllowedError) as error:
        form.add_error(None, str(error))
        return None


@require_GET
@allowed("schedules.manage")
def preview(request: UserRequest) -> HttpResponse:
    """Answer what a schedule says and when it comes next, while it is typed."""
    said = _preview(request.GET.get("cron", ""), request.GET.get("zone", "UTC"))
    return render(request, "schedules/_preview.html", said)


def _preview(text: str, zone: str) -> dict[str, Any]:
    try:
        words, times = calendar.preview(text, zone)
    except ConfigError as error:
        return {"trouble": str(error)}
    return {"words": words, "times": times, "zone": zone}


@require_POST
@allowed("schedules.manage")
def pause(request: UserRequest, policy_id: uuid.UUID) -> HttpResponse:
    return _act(request, policy_id, services.pause)


@require_POST
@allowed("schedules.manage")
def resume(request: UserRequest, policy_id: uuid.UUID) -> HttpResponse:
    return _act(request, policy_id, services.resume)


@require_POST
@allowed("schedules.manage")
def delete(request: UserRequest, policy_id: uuid.UUID) -> HttpResponse:
    found = _policy(request, policy_id)
    services.delete(user=request.user, policy=found)
    messages.success(request, f"{found.name} is deleted. What it did stays in the audit trail.")
    return redirect("schedules:index")


@require_POST
@allowed("schedules.manage")
@allowed("solutions.train")
def run_now(request: UserRequest, policy_id: uuid.UUID) -> HttpResponse:
    return _act(request, policy_id, services.run_now)


@require_POST
@allowed("models.promote")
def approve(request: UserRequest, policy_id: uuid.UUID) -> HttpResponse:
    return _act(request, policy_id, services.approve)


def _act(request: UserRequest, policy_id: uuid.UUID, act: Callable[..., Any]) -> HttpResponse:
    found = _policy(request, policy_id)
    try:
        act(user=request.user, policy=found)
    except (ConflictError, AssayError) as error:
        messages.warning(request, str(error))
    return redirect(found)


def _policy(request: UserRequest, policy_id: uuid.UUID) -> Policy:
    found: Policy = get_object_or_404(Policy.objects.select_related(*POLICY), pk=policy_id)
    require(request.user, "schedules.view", found)
    return found


def _waits(policy: Policy) -> str:
    """Say why a policy with enough new labels does nothing all the same."""
    if policy.trigger != Trigger.LABELS or (policy.n_new_labels or 0) < policy.n_labels:
        return ""
    return reason_not_to(policy, latest_ready(policy)) or ""


def _datasets(user: User, slug: str) -> Any:
    return Dataset.objects.visible_to(user).filter(solution=slug).order_by("name")


def _title_of(policy: Policy) -> str:
    """Name the figure that decides, also when its solution was taken out."""
    known = registry()[policy.solution].metrics if policy.solution in registry() else ()
    return next((one.title for one in known if one.name == policy.metric), policy.metric)
