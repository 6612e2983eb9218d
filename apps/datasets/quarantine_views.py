"""Pages that keep the good rows of a rejected version, and give the bad ones away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.policies import UserRequest, allowed
from apps.datasets import storage
from apps.datasets.access import version_for
from apps.datasets.errors import ConflictError
from apps.datasets.quarantine import keep_good_rows

if TYPE_CHECKING:
    import uuid

    from apps.datasets.models import DatasetVersion


@require_POST
@allowed("datasets.upload")
def keep_good(request: UserRequest, version_id: uuid.UUID) -> HttpResponse:
    """Make a version of the good rows of a rejected one."""
    found = version_for(request, version_id, "datasets.upload")
    try:
        kept = keep_good_rows(found, request.user)
    except ConflictError as error:
        messages.warning(request, str(error))
        return redirect(found)
    # While it is being made, its job is the place to cancel it; a cancelled one leaves no page.
    return redirect(kept if kept.is_ready or kept.job is None else kept.job)


@require_GET
@allowed("results.download")
def aside(request: UserRequest, version_id: uuid.UUID) -> FileResponse:
    """The rows that were put aside, with their reasons."""
    return aside_file(version_for(request, version_id, "results.download"))


def aside_file(found: DatasetVersion) -> FileResponse:
    """Return a file of what was put aside. Raises: Http404: if nothing was."""
    if not found.aside_blob:
        raise Http404
    return FileResponse(
        storage.open_blob(found.aside_blob), as_attachment=True,
        filename=f"rows-put-aside-{found.pk}.csv", content_type="text/csv; charset=utf-8",
    )  # fmt: skip
