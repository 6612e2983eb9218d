"""Pages of one version: what its columns mean, its check, its quality, its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.policies import UserRequest, allowed, can
from apps.catalog.services import registry
from apps.catalog.services import solution as find_solution
from apps.datasets import services, storage
from apps.datasets.access import version_for
from apps.datasets.errors import ConflictError
from apps.datasets.forms import MappingForm, mapping_rows
from apps.datasets.labels import boxes_column
from apps.datasets.lineage import lineage_of
from apps.datasets.picture_views import gallery
from apps.datasets.quality import quality_report
from ml_core.data.mapping import suggestions
from ml_core.errors import DataError

if TYPE_CHECKING:
    import uuid

    from apps.datasets.models import DatasetVersion
    from ml_core.data.preview import Sniffed
    from ml_core.data.schema import Schema

PER_PAGE = 50
STOP_POLLING = 286


@allowed("datasets.view")
def version(request: UserRequest, version_id: uuid.UUID) -> HttpResponse:
    found = version_for(request, version_id)
    return render(request, "datasets/version.html", _context(request, found))


@allowed("datasets.view")
def live(request: UserRequest, version_id: uuid.UUID) -> HttpResponse:
    """The progress of a check; the page is loaded again when it has ended."""
    found = version_for(request, version_id)
    if found.state == "checking":
        return render(request, "datasets/_checking.html", {"version": found, "job": found.job})
    response = render(request, "datasets/_checking.html", {"version": found}, status=STOP_POLLING)
    response["HX-Refresh"] = "true"
    return response


def _context(request: UserRequest, found: DatasetVersion) -> dict[str, Any]:
    report = quality_report(found) if found.is_ready else []
    return {
        "version": found,
        "dataset": found.dataset,
        "job": found.job,
        "solution": registry().solutions.get(found.dataset.solution),
        "figures": [block for block in report if block["kind"] == "number"],
        "charts": [block for block in report if block["kind"] != "number"],
        "problems": [
            {**problem, "words": problem["code"].replace("_", " ")}
            for problem in found.report.get("problems", [])
        ],
        "warnings": [issue for issue in found.issues if issue["severity"] == "warning"],
        "errors": [issue for issue in found.issues if issue["severity"] == "error"],
        "may_map": can(request.user, "datasets.upload", found),
        "may_delete": can(request.user, "datasets.delete", found),
        "has_boxes": boxes_column(found) is not None,
        "n_corrected": found.labels.count() if found.has_pictures else 0,
        "may_label": can(request.user, "datasets.label", found),
        "may_download": can(request.user, "results.download", found),
        "may_train": can(request.user, "solutions.train", found),
        "may_score": can(request.user, "solutions.score", found),
        **lineage_of(found),
    }


@allowed("datasets.upload")
def mapping(request: UserRequest, version_id: uuid.UUID) -> HttpResponse:
    found = version_for(request, version_id, "datasets.upload")
    if not found.can_be_mapped:
        return redirect(found)
    schema = find_solution(found.dataset.solution).inputs()
    sniffed = services.preview(found)
    if request.method != "POST":
        start = found.mapping or {
            name: guess.source for name, guess in suggestions(schema, sniffed.columns).items()
        }
        form = MappingForm(schema, sniffed, initial=start)
        return _mapping_page(request, found, schema, sniffed, form)
    form = MappingForm(schema, sniffed, request.POST)
    try:
        if form.is_valid():
            services.confirm_mapping(found, form.mapping(), request.user)
            return redirect(found)
    except ConflictError:
        return redirect(found)  # a second click: the first one has started the check
    except DataError as error:
        for issue in error.issues:
            form.add_error(issue.column if issue.column in form.fields else None, issue.message)
    return _mapping_page(request, found, schema, sniffed, form)


def _mapping_page(
    request: UserRequest,
    found: DatasetVersion,
    schema: Schema,
    sniffed: Sniffed,
    form: MappingForm,
) -> HttpResponse:
    rows = mapping_rows(form, schema, sniffed, suggestions(schema, sniffed.columns))
    chosen = {row["field"].value() for row in rows}
    context = {
        "version": found,
        "dataset": found.dataset,
        "form": form,
        "rows": rows,
        "missing": [row["column"] for row in rows if row["is_missing"]],
        "unsure": [row for row in rows if row["suggestion"] and not row["suggestion"].is_sure],
        "ignored": [preview for preview in sniffed.columns if preview.name not in chosen],
        "samples": {preview.name: list(preview.samples) for preview in sniffed.columns},
    }
    return render(request, "datasets/mapping.html", context, status=422 if form.errors else 200)


@allowed("datasets.view")
def browse(request: UserRequest, version_id: uuid.UUID) -> HttpResponse:
    """A page of the checked rows: a fragment for the page of the version, or a page of its own."""
    found = version_for(request, version_id)
    if not found.is_ready:
        raise Http404
    if found.has_pictures:
        return gallery(request, found)
    page = Paginator(range(found.n_rows or 0), PER_PAGE).get_page(request.GET.get("page"))
    frame = services.load_page(found, max(0, page.start_index() - 1), PER_PAGE)
    rows = [[_cell(value) for value in row] for row in frame.rows()]
    context = {"version": found, "page_obj": page, "names": frame.columns, "rows": rows}
    is_fragment = request.headers.get("HX-Request") == "true"
    return render(request, f"datasets/{'_' if is_fragment else ''}browse.html", context)


def _cell(value: object) -> object:
    # As it is in the file: neither the zone of the reader nor a language changes a value.
    return None if value is None else str(value)


@allowed("datasets.view")
def issues(request: UserRequest, version_id: uuid.UUID) -> FileResponse:
    """All reasons as a file."""
    found = version_for(request, version_id)
    if not found.issues_blob:
        raise Http404
    return FileResponse(
        storage.open_blob(found.issues_blob),
        as_attachment=True,
        filename=f"issues-{found.pk}.csv",
        content_type="text/csv; charset=utf-8",
    )


@allowed("results.download")
def file(request: UserRequest, version_id: uuid.UUID) -> FileResponse:
    """The file as it came."""
    found = version_for(request, version_id, "results.download")
    return FileResponse(
        storage.open_blob(found.source_blob),
        as_attachment=True,
        filename=found.filename,
        content_type="application/octet-stream",
    )


@require_POST
@allowed("datasets.delete")
def delete(request: UserRequest, version_id: uuid.UUID) -> HttpResponse:
    found = version_for(request, version_id, "datasets.delete")
    try:
        services.delete(found, request.user)
    except ConflictError as error:
        messages.warning(request, str(error))
        return redirect(found)
    messages.success(request, f"{found} is deleted, with its files.")
    return redirect(found.dataset)
