"""The audit trail as a page: search it, take it away, and see whether the chain is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.policies import UserRequest, allowed
from apps.audit import exports, reading, search, verification
from apps.audit.forms import TrailFilter
from apps.audit.models import AuditEvent, ChainCheck
from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from django.http import HttpResponse, StreamingHttpResponse

STOP_POLLING = 286  # htmx's way to be told that nothing more will come


@require_GET
@allowed("audit.view")
def index(request: UserRequest) -> HttpResponse:
    form = TrailFilter(request.GET)
    context: dict[str, Any] = {"form": form, "status": 200, "lines": [], "page": None}
    if form.is_valid():
        asked = form.chosen
        page = search.page(
            search.find(request.user, asked).select_related("team"),
            before=search.number(request.GET.get("before")),
            after=search.number(request.GET.get("after")),
        )
        context |= {"page": page, "lines": [reading.line(event) for event in page.events]}
        context |= {"asked": asked, "query": _query(request)}
    template = "audit/_events.html" if _is_part(request) else "audit/index.html"
    if template == "audit/index.html":
        context |= {"check": _last_check(), "actions": _actions()}
    return render(request, template, context, status=200 if form.is_valid() else 422)


@require_GET
@allowed("audit.view")
def chain(request: UserRequest) -> HttpResponse:
    """The state of the chain as it was last found, or how far the walk is."""
    check = _last_check()
    is_open = check is not None and check.state == "running"
    status = 200 if is_open else STOP_POLLING
    return render(request, "audit/_chain.html", {"check": check}, status=status)


@require_POST
@allowed("audit.view")
def verify(request: UserRequest) -> HttpResponse:
    """Start a walk along the whole chain; while one runs, that one is shown."""
    try:
        verification.ask(request.user)
    except ConfigError as error:
        messages.error(request, str(error))
    return redirect("audit:index")


@require_GET
@allowed("audit.view")
def export(request: UserRequest, form: str) -> HttpResponse | StreamingHttpResponse:
    asked = TrailFilter(request.GET)
    if not asked.is_valid():
        messages.error(
            request, " ".join(str(one) for each in asked.errors.values() for one in each)
        )
        return redirect("audit:index")
    return exports.answer(request.user, asked.chosen, form)


def _last_check() -> ChainCheck | None:
    return ChainCheck.objects.select_related("asked_by").first()


def _actions() -> list[str]:
    """Every action there is so far, to choose from."""
    names = AuditEvent.objects.order_by("action").values_list("action", flat=True)
    return list(names.distinct())


def _query(request: UserRequest) -> str:
    """The search as it stands in an address, without the place in it."""
    query = request.GET.copy()
    for name in ("before", "after"):
        query.pop(name, None)
    for name in [name for name, value in query.items() if not value]:
        query.pop(name)
    return query.urlencode()


def _is_part(request: UserRequest) -> bool:
    htmx: Any = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.history_restore_request
