"""Pages of the shell: the dashboard, the theme, and the sign of life."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import DatabaseError, connection
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.policies import UserRequest, allowed
from apps.web import dashboard as overview
from apps.web.errors import BROKEN
from apps.web.samples import SampleForm, sample_blocks
from apps.web.states import STATES
from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from django.http import HttpRequest

THEMES = ("auto", "light", "dark")


@require_GET
@allowed("pages.view")
def dashboard(request: UserRequest) -> HttpResponse:
    return render(request, "web/dashboard.html", {"overview": overview.of(request.user)})


@require_GET
@allowed("pages.view")
def running(request: UserRequest) -> HttpResponse:
    jobs = overview.running_jobs(request.user)
    return render(request, "web/_running.html", {"running": jobs})


@require_POST
@allowed("settings.profile")
def theme(request: UserRequest) -> HttpResponse:
    """Keep the theme that a person chose; the page itself has already changed."""
    chosen = request.POST.get("theme", "")
    if chosen not in THEMES:
        message = f"theme must be one of {', '.join(THEMES)}. Got {chosen[:20]!r}. Choose one."
        raise ConfigError(message)
    user = request.user
    user.theme = chosen
    user.save(update_fields=["theme"])
    if request.headers.get("HX-Request") == "true" or request.headers.get("X-Island"):
        return HttpResponse(status=204)
    back = request.POST.get("next", "/")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if is_ours else "/")


@require_GET
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Say whether this process answers and reaches its database. Writes nothing."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "broken", "database": "unreachable"}, status=503)
    return JsonResponse({"status": "ok"})


@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    """Show every component and block; only with DEBUG, so that looks can be judged."""
    messages.success(request, "The model is live now. The one before it is retired.")
    messages.error(request, "The file could not be read. Nothing of it was kept.")
    context = {
        "blocks": sample_blocks(),
        "form": SampleForm(),
        "wrong_form": SampleForm({"name": "", "rate": "7"}),
        "states": STATES,
        "page_obj": Paginator(range(1_754_155), 50).get_page(12),
        "moment": timezone.now() - timedelta(minutes=7),
        "snippet": "curl -H 'Authorization: Bearer assay_...' https://assay.example/api/v1/jobs/",
        "problem": BROKEN,
    }
    return render(request, "web/styleguide.html", context)
