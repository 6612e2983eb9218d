"""Pages of health and storage, and the answer for load balancers."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.policies import UserRequest, allowed
from apps.monitoring import readings
from apps.monitoring import storage as measuring
from apps.monitoring.health import health
from apps.monitoring.models import Kind
from apps.monitoring.readiness import checks
from apps.monitoring.sweep import sweep as sweep_files
from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from django.http import HttpRequest


@require_GET
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether work can be taken; 503 with the reasons where it cannot."""
    found = checks()
    is_ready = all(check.is_good for check in found)
    reasons = {check.name: check.words for check in found if not check.is_good}
    body = {
        "status": "ok" if is_ready else "broken",
        "checks": {check.name: "ok" if check.is_good else "broken" for check in found},
        "reasons": reasons,
    }
    return JsonResponse(body, status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)


@require_GET
@allowed("monitoring.view")
def index(request: UserRequest) -> HttpResponse:
    return render(request, "monitoring/index.html", {"health": health()})


@require_GET
@allowed("monitoring.view")
def storage(request: UserRequest) -> HttpResponse:
    reading = readings.newest(Kind.STORAGE)
    context = {
        "disk": measuring.disk(),
        "storage": measuring.shown(reading) if reading else None,
        "swept": readings.newest(Kind.SWEEP),
    }
    return render(request, "monitoring/storage.html", context)


@require_POST
@allowed("settings.storage")
def measure(request: UserRequest) -> HttpResponse:
    measuring.measure()
    messages.success(request, "Storage is measured.")
    return redirect("monitoring:storage")


@require_POST
@allowed("settings.storage")
def sweep(request: UserRequest) -> HttpResponse:
    try:
        swept = sweep_files(by=request.user)
    except ConfigError as error:
        messages.error(request, str(error))
        return redirect("monitoring:storage")
    measuring.measure()
    gone = filesizeformat(swept.n_bytes)
    messages.success(
        request,
        f"{swept.n_files:,} files that belonged to nothing ({gone}) and {swept.n_half:,} "
        "half-written ones are removed.",
    )
    return redirect("monitoring:storage")
