"""Pages of tables of questions: the form, the answers by picture, and those as a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import polars as pl
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.accounts.services import current_team
from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.datasets.uploads import EncryptingUploadHandler
from apps.inference import tables
from apps.inference.downloads import safe_cells, safe_names
from apps.inference.forms import TableForm
from apps.inference.listing import url_of
from apps.inference.results import ResultTable
from apps.inference.views import prediction_for
from apps.registry.models import ModelVersion
from ml_core.errors import AssayError, DataError

if TYPE_CHECKING:
    import uuid

    from django.http import HttpRequest

    from apps.accounts.models import User
    from apps.inference.models import Prediction
    from ml_core.typing import Frame
    from solutions.api import Solution

PICTURES_A_PAGE = 25
_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


class TwoUploads(EncryptingUploadHandler):
    """Pictures, and a file of questions."""

    most_files = 2


@csrf_exempt  # checked inside, once the upload has a handler: the check reads the form
@require_http_methods(["GET", "HEAD", "POST"])
@allowed("solutions.score")
def table(request: UserRequest, slug: str) -> HttpResponse:
    solution = find_solution(slug)
    tables.asked_columns(solution.inputs())
    handler = TwoUploads(request)
    request.upload_handlers = [handler]

    def checked(_request: HttpRequest) -> HttpResponse:
        return _table(request, solution)

    try:
        return csrf_protect(checked)(request)
    finally:
        handler.discard()


def _table(request: UserRequest, solution: Solution[Any]) -> HttpResponse:
    models = ModelVersion.objects.visible_to(request.user).filter(solution=solution.slug).usable()
    form = TableForm(models, request.POST or None, request.FILES or None)
    form.add_settings(solution.settings)
    if request.method == "POST" and form.is_valid():
        prediction = _start(request, solution, form)
        if prediction is not None:
            return redirect(prediction)
    context = {
        "form": form,
        "solution": solution,
        "has_model": models.exists(),
        "max_bytes": settings.ASSAY_MAX_UPLOAD_BYTES,
    }
    status = 422 if form.is_bound else 200
    return render(request, "inference/table.html", context, status=status)


def _start(request: UserRequest, solution: Solution[Any], form: TableForm) -> Prediction | None:
    data = form.cleaned_data
    try:
        return tables.start_table(
            user=request.user, team=current_team(request.user), solution=solution.slug,
            blob=data["file"].blob, filename=data["file"].name, name=data["name"],
            questions=_questions(solution, data), model=data["model"],
            settings=form.chosen_settings, token=data["token"],
        )  # fmt: skip
    except DataError as error:
        for issue in error.issues[:10]:
            form.add_error(None, issue.message)
    except AssayError as error:
        form.add_error(None, str(error))
    return None


def _questions(solution: Solution[Any], data: dict[str, Any]) -> list[str]:
    file = data.get("questions_file")
    if not file:
        return tables.questions_in(data["questions"])
    _, text = tables.asked_columns(solution.inputs())
    with storage.open_blob(file.blob.name) as stream:
        return tables.questions_of(stream.read(tables.MOST_CSV_BYTES + 1), file.name, text)


@require_GET
@allowed("results.view")
def answers(request: UserRequest, prediction_id: uuid.UUID) -> HttpResponse:
    """Show answers as a table: a line for each picture, a column for each question."""
    prediction = _ready(request, prediction_id)
    frame, image, text = _asked(prediction)
    names = frame[image].unique(maintain_order=True)
    page = Paginator(names.to_list(), PICTURES_A_PAGE).get_page(request.GET.get("page"))
    questions = frame[text].unique(maintain_order=True).to_list()
    shown = frame.filter(pl.col(image).is_in(list(page)))
    cells = {
        (one[image], one[text]): {**one, "url": url_of(prediction, one["row"])}
        for one in shown.iter_rows(named=True)
    }
    rows = [(name, [cells.get((name, question)) for question in questions]) for name in page]
    context = {
        "prediction": prediction,
        "page_obj": page,
        "questions": questions,
        "rows": rows,
        "may_download": can(request.user, "results.download", prediction),
    }
    return render(request, "inference/answers.html", context)


@require_GET
@allowed("results.download")
def answers_file(request: UserRequest, prediction_id: uuid.UUID, form: str) -> HttpResponse:
    prediction = _ready(request, prediction_id)
    require(request.user, "results.download", prediction)
    return table_file(request.user, prediction, form)


def table_file(user: User, prediction: Prediction, form: str) -> HttpResponse:
    """Return answers by picture and question as a file. Raises: Http404: for another form."""
    if form not in _TYPES:
        raise Http404
    wide = tables.pivoted(*_asked(prediction))
    record("result.downloaded", actor=user, team=prediction.team, thing=prediction, form=form)
    out = io.BytesIO()
    if form == "csv":
        safe_names(safe_cells(wide)).write_csv(out)
    else:
        wide.write_parquet(out)
    response = HttpResponse(out.getvalue(), content_type=_TYPES[form])
    name = slugify(prediction.dataset_version.dataset.name) or "answers"
    response["Content-Disposition"] = f'attachment; filename="{name}-table.{form}"'
    return response


def _ready(request: UserRequest, prediction_id: uuid.UUID) -> Prediction:
    prediction = prediction_for(request, prediction_id)
    if not prediction.is_ready:
        raise Http404
    return prediction


def _asked(prediction: Prediction) -> tuple[Frame, str, str]:
    """Return the answers in the order of the file, and the columns of picture and question."""
    image, text = prediction.column_of(kind="image"), prediction.column_of(kind="text")
    if image is None or text is None or "label" in (image["role"], text["role"]):
        raise Http404
    names = ["row", image["name"], text["name"], "label", "confidence", "alert"]
    frame = ResultTable(prediction).columns(names).sort("row")
    return frame, cast("str", image["name"]), cast("str", text["name"])
