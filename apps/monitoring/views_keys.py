"""Pages of the keys: what is under which, rotate, count, take an old one away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.policies import UserRequest, allowed
from apps.jobs.models import Job
from apps.monitoring import encryption, jobs, readings
from apps.monitoring.models import Kind
from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from django.http import HttpResponse


@require_GET
@allowed("monitoring.view")
def index(request: UserRequest) -> HttpResponse:
    reading = readings.newest(Kind.KEYS)
    uses = encryption.uses(reading)
    context = {
        "uses": uses,
        "at": reading.at if reading else None,
        "n_unreadable": encryption.unreadable(reading),
        "n_left": sum(use.n_files + use.n_secrets for use in uses if not use.is_current),
        "job": Job.objects.open().filter(kind=jobs.KIND).first(),
    }
    return render(request, "monitoring/keys.html", context)


@require_POST
@allowed("encryption.rotate")
def rotate(request: UserRequest) -> HttpResponse:
    is_new, is_whole = (request.POST.get(name) == "1" for name in ("new_key", "whole"))
    try:
        job = jobs.start(request.user, is_whole=is_whole, is_new=is_new)
    except ConfigError as error:
        messages.error(request, str(error))
        return redirect("monitoring:keys")
    if is_new:
        messages.success(
            request, "A new key is current. Keep a copy of the file of keys, apart from the data."
        )
    return redirect(job)


@require_POST
@allowed("encryption.rotate")
def count(request: UserRequest) -> HttpResponse:
    encryption.measure()
    messages.success(request, "Files are counted.")
    return redirect("monitoring:keys")


@require_POST
@allowed("encryption.rotate")
def drop(request: UserRequest) -> HttpResponse:
    key_id = request.POST.get("key", "")[:300]
    try:
        encryption.drop(key_id, request.user)
    except ConfigError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"The key {key_id} is taken away.")
    return redirect("monitoring:keys")
