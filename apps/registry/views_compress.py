"""Pages of making a model smaller: the form, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.registry import compressing, figures
from apps.registry.forms_compress import CompressForm
from apps.registry.models import Compression, ModelVersion
from ml_core.errors import ConfigError

if TYPE_CHECKING:
    import uuid

    from django.http import HttpResponse

STOP_POLLING = 286  # htmx's way to be told that nothing more will come


@require_http_methods(["GET", "HEAD", "POST"])
@allowed("solutions.train")
def compress(request: UserRequest, model_id: uuid.UUID) -> HttpResponse:
    rows = ModelVersion.objects.select_related("team", "run__dataset_version__dataset")
    model: ModelVersion = get_object_or_404(rows, pk=model_id)
    require(request.user, "models.view", model)
    form = CompressForm(compressing.offered(model.solution), request.POST or None)
    reason = compressing.why_not(model)
    if request.method == "POST" and not reason and form.is_valid():
        started = _start(request, model, form)
        if started is not None:
            return redirect(started)
    context = {
        "form": form,
        "model": model,
        "reason": reason,
        "metric": figures.first_metric(model.solution),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "registry/compress.html", context, status=status)


def _start(request: UserRequest, model: ModelVersion, form: CompressForm) -> Compression | None:
    try:
        return compressing.start_compression(
            user=request.user, model=model, options=form.options, token=form.cleaned_data["token"]
        )
    except ConfigError as error:
        form.add_error(None, str(error))
        return None


@require_GET
@allowed("models.view")
def compression(request: UserRequest, compression_id: uuid.UUID) -> HttpResponse:
    return render(request, "registry/compression.html", _context(request, compression_id))


@require_GET
@allowed("models.view")
def live(request: UserRequest, compression_id: uuid.UUID) -> HttpResponse:
    """Answer the part of the page that moves; asked for each second until the end."""
    context = _context(request, compression_id)
    status = STOP_POLLING if context["compression"].has_ended else 200
    return render(request, "registry/_compression.html", context, status=status)


def _context(request: UserRequest, compression_id: uuid.UUID) -> dict[str, Any]:
    rows = Compression.objects.select_related("model", "job", "result", "created_by")
    found: Compression = get_object_or_404(rows, pk=compression_id)
    require(request.user, "models.view", found)
    job, forms = found.job, found.variants[1:]
    return {
        "compression": found,
        "forms": [{**one, "macs_m": one["macs"] / 1e6} for one in found.variants],
        "none_passed": bool(forms)
        and not any(one["passed"] or one.get("tested") is not None for one in forms),
        "job": job,
        "metric": figures.first_metric(found.model.solution),
        "may_cancel": job is not None
        and job.can_be_cancelled
        and can(request.user, "jobs.cancel", found),
        "may_retry": job is not None
        and job.can_be_retried
        and can(request.user, "jobs.retry", found)
        and can(request.user, "solutions.train", found),
    }
