"""Pages of datasets: the list, one with its versions, and the upload."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.accounts.services import current_team
from apps.catalog.services import registry
from apps.datasets import services
from apps.datasets.errors import ConflictError
from apps.datasets.forms import UploadForm, VersionForm
from apps.datasets.models import Dataset
from apps.datasets.uploads import EncryptingUploadHandler
from ml_core.errors import DataError

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from apps.datasets.models import DatasetVersion

PER_PAGE = 25


@allowed("datasets.view")
def index(request: UserRequest) -> HttpResponse:
    datasets = Dataset.objects.visible_to(request.user)
    has_any = datasets.exists()
    chosen, words = request.GET.get("solution", ""), request.GET.get("q", "").strip()
    if chosen:
        datasets = datasets.filter(solution=chosen)
    if words:
        datasets = datasets.filter(name__icontains=words)
    datasets = datasets.select_related("created_by").with_newest()
    context = {
        "page_obj": Paginator(datasets, PER_PAGE).get_page(request.GET.get("page")),
        "has_any": has_any,
        "chosen": chosen,
        "words": words,
        "solutions": list(registry()),
        "may_upload": can(request.user, "datasets.upload"),
    }
    return render(request, "datasets/index.html", context)


@allowed("datasets.view")
def detail(request: UserRequest, dataset_id: uuid.UUID) -> HttpResponse:
    dataset = _dataset(request, dataset_id)
    versions = dataset.versions.light().select_related("created_by").order_by("-number")
    context = {
        "dataset": dataset,
        "solution": registry().solutions.get(dataset.solution),
        "page_obj": Paginator(versions, PER_PAGE).get_page(request.GET.get("page")),
        "may_upload": can(request.user, "datasets.upload", dataset),
        "may_delete": can(request.user, "datasets.delete", dataset),
    }
    return render(request, "datasets/detail.html", context)


@csrf_exempt  # checked inside, once the upload has a handler: the check reads the form
@allowed("datasets.upload")
def upload(request: UserRequest) -> HttpResponse:
    return taking_files(request, lambda: _upload(request))


@csrf_exempt  # as above
@allowed("datasets.upload")
def upload_version(request: UserRequest, dataset_id: uuid.UUID) -> HttpResponse:
    dataset = _dataset(request, dataset_id, "datasets.upload")
    return taking_files(request, lambda: _upload(request, dataset))


def taking_files(request: UserRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """Let the files of a form go straight into storage, and keep none that was refused."""
    handler = EncryptingUploadHandler(request)
    request.upload_handlers = [handler]

    def checked(_request: HttpRequest) -> HttpResponse:
        return answer()

    try:
        return csrf_protect(checked)(request)
    finally:
        handler.discard()


def _upload(request: UserRequest, dataset: Dataset | None = None) -> HttpResponse:
    form_class = UploadForm if dataset is None else VersionForm
    if request.method != "POST":
        return _upload_page(request, form_class(initial=request.GET.dict()), dataset)
    form = form_class(request.POST, request.FILES)
    if not form.is_valid():
        return _upload_page(request, form, dataset, status=400)
    try:
        version = _adopt(request, form, dataset)
    except DataError as error:
        for issue in error.issues[:10]:
            form.add_error(None, issue.message)
        return _upload_page(request, form, dataset, status=422)
    return redirect(version) if version.has_pictures else redirect("datasets:mapping", version.pk)


def _adopt(request: UserRequest, form: UploadForm, dataset: Dataset | None) -> DatasetVersion:
    file = form.cleaned_data["file"]
    version = services.adopt(
        file.blob,
        user=request.user,
        team=current_team(request.user) if dataset is None else dataset.team,
        solution=form.cleaned_data["solution"] if dataset is None else dataset.solution,
        name=form.title() if dataset is None else dataset.name,
        filename=file.name,
        dataset=dataset,
    )
    keeper = cast("EncryptingUploadHandler", request.upload_handlers[0])
    keeper.keep(file)
    return version


def _upload_page(
    request: UserRequest, form: UploadForm, dataset: Dataset | None, status: int = 200
) -> HttpResponse:
    context = {"form": form, "dataset": dataset, "max_bytes": settings.ASSAY_MAX_UPLOAD_BYTES}
    return render(request, "datasets/upload.html", context, status=status)


@require_POST
@allowed("datasets.delete")
def delete(request: UserRequest, dataset_id: uuid.UUID) -> HttpResponse:
    dataset = _dataset(request, dataset_id, "datasets.delete")
    try:
        services.delete(dataset, request.user)
    except ConflictError as error:
        messages.warning(request, str(error))
        return redirect(dataset)
    messages.success(request, f"{dataset.name} is deleted, with its files.")
    return redirect("datasets:index")


def _dataset(request: UserRequest, dataset_id: uuid.UUID, action: str = "datasets.view") -> Dataset:
    dataset: Dataset = get_object_or_404(Dataset.objects.select_related("team"), pk=dataset_id)
    require(request.user, action, dataset)
    return dataset
