"""Pages that take versions out of repositories of DVC, and into them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

from apps.accounts.policies import UserRequest, allowed
from apps.accounts.services import current_team
from apps.datasets import storage
from apps.datasets.access import version_for
from apps.datasets.dvc import export_repository, import_repository
from apps.datasets.dvc_forms import DvcForm
from apps.datasets.errors import ConflictError
from apps.datasets.views import taking_files
from ml_core.data.archive import open_archive
from ml_core.data.dvc_places import ZipRepository
from ml_core.errors import DataError

if TYPE_CHECKING:
    import uuid

    from django.http import HttpResponse, StreamingHttpResponse


@require_GET
@allowed("results.download")
def dvc(request: UserRequest, version_id: uuid.UUID) -> StreamingHttpResponse | HttpResponse:
    """The version as a repository of DVC."""
    found = version_for(request, version_id, "results.download")
    try:
        return export_repository(found, request.user)
    except ConflictError as error:
        messages.warning(request, str(error))
        return redirect(found)


@csrf_exempt  # checked inside, once the upload has a handler: the check reads the form
@allowed("datasets.upload")
def import_dvc(request: UserRequest) -> HttpResponse:
    return taking_files(request, lambda: _import(request))


def _import(request: UserRequest) -> HttpResponse:
    if request.method != "POST":
        return _import_page(request, DvcForm(), 200)
    form = DvcForm(request.POST, request.FILES)
    if not form.is_valid():
        return _import_page(request, form, 400)
    given = form.cleaned_data
    try:
        with storage.open_blob(given["file"].blob.name) as stream, open_archive(stream) as archive:
            version = import_repository(
                ZipRepository(archive), entry=given["entry"], user=request.user,
                team=current_team(request.user), solution=given["solution"], name=given["name"],
            )  # fmt: skip
    except DataError as error:
        for issue in error.issues[:10]:
            form.add_error(None, issue.message)
        return _import_page(request, form, 422)
    return redirect(version) if version.has_pictures else redirect("datasets:mapping", version.pk)


def _import_page(request: UserRequest, form: DvcForm, status: int) -> HttpResponse:
    return render(request, "datasets/import_dvc.html", {"form": form}, status=status)
