"""Pages of single rows of a result, and the result as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.audit.services import record
from apps.inference import downloads, listing, services
from apps.inference.models import Explanation, Prediction
from apps.inference.proof import proof_of_row
from apps.inference.results import CORE, ResultTable
from apps.inference.views import STOP_POLLING, prediction_for
from apps.jobs.models import Job

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from apps.accounts.models import User

_FORMS = {
    "csv": (downloads.csv_rows, "text/csv; charset=utf-8"),
    "parquet": (downloads.parquet_bytes, "application/vnd.apache.parquet"),
}


@require_GET
@allowed("results.view")
def row(request: UserRequest, prediction_id: uuid.UUID, row: int) -> HttpResponse:
    prediction = _ready(request, prediction_id)
    table = ResultTable(prediction)
    values = table.row(row)
    if values is None:
        raise Http404
    context = {
        "prediction": prediction,
        "row": row,
        "values": values,
        "score": listing.cell({"name": "score", "kind": "number"}, values["score"]),
        "threshold": prediction.facts.get("threshold"),
        "fields": _fields(prediction, values),
        "extras": _extras(prediction, values),
        "before": _beside(prediction, table, values["rank"] - 1),
        "after": _beside(prediction, table, values["rank"] + 1),
        "proof": proof_of_row(prediction, values, request.user),
        "proof_url": reverse("api:prediction-proof", args=[prediction.pk, row]),
        **_reasons(request, prediction, row),
    }
    return render(request, "inference/row.html", context)


@require_GET
@allowed("results.view")
def reasons(request: UserRequest, prediction_id: uuid.UUID, row: int) -> HttpResponse:
    """Answer the reasons of a row, or how far the job is that looks for them."""
    prediction = _ready(request, prediction_id)
    context = {"prediction": prediction, "row": row, **_reasons(request, prediction, row)}
    status = 200 if context["is_open"] else STOP_POLLING
    return render(request, "inference/_reasons.html", context, status=status)


@require_POST
@allowed("solutions.score")
def explain(request: UserRequest, prediction_id: uuid.UUID, row: int) -> HttpResponse:
    prediction = _ready(request, prediction_id)
    if not Explanation.objects.filter(prediction=prediction, row=row).exists():
        if ResultTable(prediction).row(row) is None:
            raise Http404
        services.start_explaining(user=request.user, prediction=prediction, row=row)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(listing.url_of(prediction, row))
    context = {"prediction": prediction, "row": row, **_reasons(request, prediction, row)}
    return render(request, "inference/_reasons.html", context)


@require_GET
@allowed("results.download")
def download(request: UserRequest, prediction_id: uuid.UUID, form: str) -> StreamingHttpResponse:
    prediction = _ready(request, prediction_id)
    require(request.user, "results.download", prediction)
    return file_of(request.user, prediction, form)


def file_of(user: User, prediction: Prediction, form: str) -> StreamingHttpResponse:
    """Return a result as a stream to keep as a file. Raises: Http404: for another form."""
    if form not in _FORMS:
        raise Http404
    pieces, content_type = _FORMS[form]
    record("result.downloaded", actor=user, team=prediction.team, thing=prediction, form=form)
    response = StreamingHttpResponse(pieces(prediction), content_type=content_type)
    name = slugify(prediction.dataset_version.dataset.name) or "result"
    response["Content-Disposition"] = f'attachment; filename="{name}-scored.{form}"'
    if form == "parquet":
        response["Content-Length"] = str(prediction.result_bytes)
    return response


def _ready(request: UserRequest, prediction_id: uuid.UUID) -> Prediction:
    prediction = prediction_for(request, prediction_id)
    if not prediction.is_ready:
        raise Http404
    return prediction


def _reasons(request: UserRequest, prediction: Prediction, row: int) -> dict[str, Any]:
    found = Explanation.objects.filter(prediction=prediction, row=row).first()
    jobs = Job.objects.filter(
        kind="explain", params__prediction=str(prediction.pk), params__row=row
    )
    job = None if found else jobs.order_by("-created_at").first()
    return {
        "explanation": found,
        "explain_job": job,
        "is_open": job is not None and not job.has_ended,
        "may_explain": can(request.user, "solutions.score", prediction),
    }


def _fields(prediction: Prediction, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {**column, "cell": listing.cell(column, values[column["name"]])}
        for column in prediction.columns
        if column["name"] in values
    ]


def _extras(prediction: Prediction, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    known = {*CORE, *(column["name"] for column in prediction.columns)}
    return [
        {
            "title": name.replace("_", " ").capitalize(),
            "cell": listing.cell({"name": name, "kind": "number"}, value),
        }
        for name, value in values.items()
        if name not in known
    ]


def _beside(prediction: Prediction, table: ResultTable, rank: int) -> str | None:
    found = table.at_rank(rank)
    return None if found is None else listing.url_of(prediction, found["row"])
