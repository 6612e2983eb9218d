"""Pages of what an inspection found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.policies import UserRequest, allowed, can
from apps.datasets.access import version_for
from apps.datasets.errors import ConflictError
from apps.datasets.findings_forms import FilterForm, InspectForm
from apps.datasets.inspecting import start_inspection, usual_reference
from apps.datasets.version_views import PER_PAGE
from ml_core.errors import DataError

if TYPE_CHECKING:
    import uuid

    from django.http import HttpResponse

    from apps.datasets.models import DatasetVersion, Finding, Inspection


SEVERITY_STATES = {"error": "bad", "warning": "warning", "info": "neutral"}


@require_GET
@allowed("datasets.view")
def findings(request: UserRequest, version_id: uuid.UUID) -> HttpResponse:
    """What the newest inspection found, filtered by severity and column."""
    found = version_for(request, version_id)
    inspection = newest_inspection(found)
    rows = list(inspection.findings.all()) if inspection else []
    form = FilterForm(sorted({row.column for row in rows if row.column}), request.GET)
    chosen = form.chosen()
    shown = [row for row in rows if all(getattr(row, k) == v for k, v in chosen.items())]
    context = {
        "version": found,
        "inspection": inspection,
        "findings": [_told(found, row) for row in shown],
        "n_findings": len(rows),
        "filter": form,
        "form": InspectForm(found, initial={"reference": usual_reference(found)}),
        "may_inspect": found.is_ready and can(request.user, "datasets.upload", found),
    }
    is_fragment = request.headers.get("HX-Request") == "true"
    return render(request, f"datasets/{'_findings' if is_fragment else 'findings'}.html", context)


def newest_inspection(found: DatasetVersion) -> Inspection | None:
    """Return the last inspection of a version, however it ended."""
    rows = found.inspections.select_related("reference__dataset", "job", "created_by")
    return cast("Inspection | None", rows.first())


def _told(found: DatasetVersion, row: Finding) -> dict[str, Any]:
    return {
        "finding": row,
        "state": SEVERITY_STATES.get(row.severity, "neutral"),
        "words": row.check_name.replace("_", " "),
        "rows": [(number, place_of(found, number)) for number in row.rows],
    }


def place_of(found: DatasetVersion, row: int) -> str:
    """Return where a row is shown."""
    if found.has_pictures:
        return reverse("datasets:annotate", args=[found.pk, row])
    page = {"page": (row - 1) // PER_PAGE + 1}
    return f"{reverse('datasets:browse', args=[found.pk], query=page)}#row-{row}"


@require_POST
@allowed("datasets.upload")
def inspect(request: UserRequest, version_id: uuid.UUID) -> HttpResponse:
    found = version_for(request, version_id, "datasets.upload")
    form = InspectForm(found, request.POST)
    try:
        if form.is_valid():
            start_inspection(version=found, user=request.user, **form.cleaned_data)
        else:
            messages.warning(request, "A version to compare with must be one of those offered.")
    except (ConflictError, DataError) as error:
        messages.warning(request, str(error))
    return redirect("datasets:findings", found.pk)
