"""Pages of pictures: browse them, draw on one, freeze what was drawn, take it away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.policies import UserRequest, allowed, can
from apps.catalog.services import solution as find_solution
from apps.datasets import labelling, labels
from apps.datasets.access import version_for
from apps.datasets.errors import ConflictError
from apps.datasets.gallery import gallery_cards, picture_of
from apps.datasets.label_export import export_of
from apps.datasets.proposals import proposals
from apps.datasets.services import load_rows
from ml_core.data.labels.read import image_column

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from django.http import StreamingHttpResponse

    from apps.accounts.models import User
    from apps.datasets.models import DatasetVersion
    from ml_core.data.schema import Column

PER_PAGE = 48


def gallery(request: UserRequest, found: DatasetVersion) -> HttpResponse:
    """Show a page of pictures: a fragment for the page of the version, or a page of its own."""
    column = labels.boxes_column(found)
    seen = labels.overview(found, column) if column else None
    show, kind = _choice(request)
    rows: Any = seen.chosen(show, kind) if seen else range(1, (found.n_rows or 0) + 1)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    frame = load_rows(found, list(page.object_list))
    context = {
        "version": found,
        "page_obj": page,
        "cards": gallery_cards(find_solution(found.dataset.solution).inputs(), frame, seen),
        "seen": seen,
        "shows": [(key, title, seen.n_of(key)) for key, title in labels.SHOWS.items()]
        if seen
        else [],
        "show": show,
        "kind": kind,
        "query": urlencode(_query(show, kind)),
        "may_label": column is not None and can(request.user, "datasets.label", found),
        "may_download": can(request.user, "results.download", found),
    }
    is_fragment = request.headers.get("HX-Request") == "true"
    return render(request, f"datasets/{'_gallery' if is_fragment else 'gallery'}.html", context)


def _choice(request: UserRequest) -> tuple[str, str]:
    show = request.GET.get("show", "")
    return (show if show in labels.SHOWS else ""), request.GET.get("class", "")


def _query(show: str, kind: str) -> Mapping[str, str]:
    return {key: value for key, value in (("show", show), ("class", kind)) if value}


@allowed("datasets.view")
def picture(request: UserRequest, version_id: uuid.UUID, row: int) -> HttpResponse:
    """The picture of a row, drawn anew: small for a list, or whole."""
    found = version_for(request, version_id)
    data = picture_of(found, row, is_small="small" in request.GET)
    if data is None:
        raise Http404
    response = HttpResponse(data, content_type="image/jpeg")
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


@require_GET
@allowed("datasets.view")
def annotate(request: UserRequest, version_id: uuid.UUID, row: int) -> HttpResponse:
    """One picture with its boxes: to look at, and to draw for those who may."""
    found = version_for(request, version_id)
    values = labels.row_of(found, row) if found.has_pictures else None
    if values is None:
        raise Http404
    schema = find_solution(found.dataset.solution).inputs()
    image, column = image_column(schema).name, labels.boxes_column(found)
    show, kind = _choice(request)
    rows = labels.overview(found, column).chosen(show, kind) if column else []
    before, after = labels.neighbours(rows or range(1, (found.n_rows or 0) + 1), row)
    query = _query(show, kind)
    context = {
        "version": found,
        "dataset": found.dataset,
        "row": row,
        "name": values[image],
        "fields": [
            (c.title, values[c.name])
            for c in schema.columns
            if c.kind not in ("image", "boxes") and values.get(c.name) is not None
        ],
        "column": column,
        "may_label": column is not None and can(request.user, "datasets.label", found),
        "before": _place(found, before, query),
        "after": _place(found, after, query),
        "back": reverse("datasets:browse", args=[found.pk], query=query or None),
        "show": labels.SHOWS[show],
        "kind": kind,
        "data": _editor_data(request.user, found, column, values),
    }
    return render(request, "datasets/annotate.html", context)


def _place(found: DatasetVersion, row: int | None, query: Mapping[str, str]) -> str:
    if row is None:
        return ""
    return reverse("datasets:annotate", args=[found.pk, row], query=query or None)


def _editor_data(
    user: User, found: DatasetVersion, column: Column | None, values: Mapping[str, Any]
) -> dict[str, Any]:
    row = values["row"]
    width, height = labels.measured(found, values)
    told: dict[str, Any] = {
        "picture": reverse("datasets:picture", args=[found.pk, row]),
        "width": width,
        "height": height,
        "may_label": False,
        "drawn": {"boxes": None, "revision": 0},
        "proposals": [],
        "classes": [],
    }
    if column is None:
        return told
    known = [name for name, _ in labels.overview(found, column).kinds]
    return told | {
        "may_label": can(user, "datasets.label", found),
        "drawn": labels.drawn_on(found, column, values).to_json(),
        "proposals": proposals(found, row),
        "classes": [*column.choices, *(name for name in known if name not in column.choices)],
        "save": reverse("api:dataset-version-boxes", args=[found.pk, row]),
    }


@require_POST
@allowed("datasets.label")
def freeze(request: UserRequest, version_id: uuid.UUID) -> HttpResponse:
    found = version_for(request, version_id, "datasets.label")
    try:
        frozen = labelling.freeze(version=found, user=request.user)
    except ConflictError as error:
        messages.warning(request, str(error))
        return redirect(found)
    messages.success(request, f"Version {frozen.number} holds the boxes as they are drawn now.")
    return redirect(frozen)


@require_GET
@allowed("results.download")
def export(request: UserRequest, version_id: uuid.UUID, form: str) -> StreamingHttpResponse:
    """Pictures and boxes as a ZIP; `?pictures=0` leaves the pictures out."""
    found = version_for(request, version_id, "results.download")
    with_pictures = request.GET.get("pictures", "1") not in {"0", "false", "no"}
    return export_of(found, form, request.user, with_pictures=with_pictures)
