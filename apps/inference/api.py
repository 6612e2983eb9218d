"""Scoring and its results in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import include, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.policies import require
from apps.catalog.services import solution as find_solution
from apps.experiments.api import IDEMPOTENCY_KEY, token_of, version_for
from apps.inference import services
from apps.inference.forms import RowFilter
from apps.inference.models import Explanation, Prediction
from apps.inference.proof import proof_of_row
from apps.inference.results import ResultTable
from apps.inference.views_rows import file_of
from apps.registry.api_proof import ProofSerializer
from apps.registry.models import ModelVersion
from ml_core.errors import DataError, Issue
from ml_core.plain import plain

if TYPE_CHECKING:
    from rest_framework.request import Request

    from apps.accounts.models import TeamOwnedQuerySet

MOST_ROWS = 1000


class PredictionSerializer(serializers.ModelSerializer[Prediction]):
    url = serializers.URLField(source="get_absolute_url", read_only=True)
    job_url = serializers.SerializerMethodField()

    class Meta:
        model = Prediction
        fields: ClassVar = [
            "id", "url", "solution", "dataset_version", "model", "history_version", "state", "job",
            "job_url", "n_rows", "n_alerts", "n_history", "settings", "seconds", "metrics", "facts",
            "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_job_url(self, prediction: Prediction) -> str | None:
        return f"/api/v1/jobs/{prediction.job_id}/" if prediction.job_id else None


class PredictionDetailSerializer(PredictionSerializer):
    class Meta(PredictionSerializer.Meta):
        fields: ClassVar = [*PredictionSerializer.Meta.fields, "report"]
        read_only_fields = fields


class StartScoringSerializer(serializers.Serializer[Any]):
    dataset_version = serializers.UUIDField()
    model = serializers.UUIDField(
        required=False, allow_null=True, help_text="Empty: the live one, else the newest candidate."
    )
    history = serializers.CharField(
        required=False,
        default="model",
        help_text='Earlier rows to look back on: "model" (the data it learned from), "none", '
        "or the id of a dataset version.",
    )
    settings = serializers.DictField(
        required=False, default=dict, help_text="Settings of the solution, such as limits."
    )


class RowsSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    results = serializers.ListField(child=serializers.DictField())


class PredictionsView(APIView):
    """Score a dataset version with a model of a solution."""

    actions_needed: ClassVar = {"POST": "solutions.score"}

    @extend_schema(
        request=StartScoringSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: OpenApiResponse(PredictionSerializer, "Started; follow `job_url`.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Start scoring; it runs as a job."""
        find_solution(slug)
        asked = StartScoringSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user: Any = request.user
        version = version_for(user, asked.validated_data["dataset_version"])
        if version.dataset.solution != slug:
            message = f"The dataset must be one for {slug}. This one is not. Choose another."
            raise DataError(Issue("other-solution", message))
        prediction = services.start_scoring(
            user=user,
            version=version,
            model=model_for(user, asked.validated_data.get("model")),
            history=_history_for(user, asked.validated_data["history"]),
            settings=asked.validated_data["settings"],
            token=token_of(request),
        )
        headers = {"Location": f"/api/v1/predictions/{prediction.pk}/"}
        answer = PredictionSerializer(prediction).data
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers=headers)


def model_for(user: Any, model_id: Any) -> ModelVersion | None:
    if model_id is None:
        return None
    model: ModelVersion = get_object_or_404(ModelVersion, pk=model_id)
    require(user, "models.view", model)
    return model


def _history_for(user: Any, asked: str) -> Any:
    if asked in ("model", "none"):
        return "model" if asked == "model" else None
    try:
        version_id = serializers.UUIDField().to_internal_value(asked)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"history": error.detail}) from error
    return version_for(user, version_id)


_ROWS = [
    OpenApiParameter("page", int),
    OpenApiParameter("page_size", int, description=f"At most {MOST_ROWS}; 50 if not given."),
    OpenApiParameter("sort", str, description='A column; "-score" falls.'),
    OpenApiParameter("min_score", float),
    OpenApiParameter("alert_only", bool),
    OpenApiParameter("text", str, description="Part of an identifier."),
    OpenApiParameter("time_from", OpenApiTypes.DATETIME),
    OpenApiParameter("time_to", OpenApiTypes.DATETIME),
    OpenApiParameter("amount_min", float),
    OpenApiParameter("amount_max", float),
]


class PredictionViewSet(ReadOnlyModelViewSet[Prediction]):
    """Results: their figures, their rows, and why each row got its score."""

    queryset = Prediction.objects.none()
    actions_needed: ClassVar = {
        "GET": "results.view",
        "download": "results.download",
        "explain": "solutions.score",
    }
    filterset_fields: ClassVar = ["state", "solution", "dataset_version", "model"]

    def get_queryset(self) -> TeamOwnedQuerySet:
        user: Any = self.request.user
        found = Prediction.objects.visible_to(user).select_related("dataset_version__dataset")
        if self.action == "proof":
            return found.select_related("dataset_version__dataset", "model", "created_by")
        return found.defer("report") if self.action == "list" else found

    def get_serializer_class(self) -> type[PredictionSerializer]:
        return PredictionSerializer if self.action == "list" else PredictionDetailSerializer

    @extend_schema(operation_id="predictions_rows_list", parameters=_ROWS, responses=RowsSerializer)
    @action(detail=True, methods=["get"], filterset_fields=[], pagination_class=None)
    def rows(self, request: Request, pk: str) -> Response:
        """Return a page of rows, ranked unless another order is asked for."""
        prediction = self._ready()
        form = RowFilter(prediction, request.query_params)
        if not form.is_valid():
            raise serializers.ValidationError(
                {name: [str(one) for one in found] for name, found in form.errors.items()}
            )
        page, size = _page_of(request)
        found = ResultTable(prediction).page(form.query, (page - 1) * size, size)
        answer = {
            "count": found.total,
            "page": page,
            "pages": max(1, -(-found.total // size)),
            "results": plain(found.frame.to_dicts()),
        }
        return Response(answer)

    @extend_schema(
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "Its values and `explanation`.")}
    )
    @action(
        detail=True, methods=["get"], url_path=r"rows/(?P<row>[0-9]{1,15})", filterset_fields=[]
    )
    def row(self, request: Request, pk: str, row: str) -> Response:
        """Return one row with its explanation, if it has been explained."""
        prediction = self._ready()
        values = ResultTable(prediction).row(int(row))
        if values is None:
            raise Http404
        found = Explanation.objects.filter(prediction=prediction, row=int(row)).first()
        return Response({**plain(values), "explanation": found.report if found else None})

    @extend_schema(
        request=None,
        responses={202: OpenApiResponse(OpenApiTypes.OBJECT, "Started; follow `job_url`.")},
    )
    @action(detail=True, methods=["post"], url_path=r"rows/(?P<row>[0-9]{1,15})/explain")
    def explain(self, request: Request, pk: str, row: str) -> Response:
        """Ask why a row got its score; the answer comes with the row when the job is done."""
        prediction = self._ready()
        if ResultTable(prediction).row(int(row)) is None:
            raise Http404
        user: Any = request.user
        job = services.start_explaining(user=user, prediction=prediction, row=int(row))
        answer = {"job": str(job.pk), "job_url": f"/api/v1/jobs/{job.pk}/"}
        return Response(answer, status=status.HTTP_202_ACCEPTED)

    @extend_schema(operation_id="predictions_rows_proof", responses=ProofSerializer)
    @action(
        detail=True,
        methods=["get"],
        url_path=r"rows/(?P<row>[0-9]{1,15})/proof",
        filterset_fields=[],
    )
    def proof(self, request: Request, pk: str, row: str) -> Response:
        """Return what the score of a row rests on: model, training, data, audit events."""
        prediction = self._ready()
        values = ResultTable(prediction).row(int(row))
        if values is None:
            raise Http404
        user: Any = request.user
        return Response(ProofSerializer(proof_of_row(prediction, values, user)).data)

    @extend_schema(
        operation_id="predictions_download",
        parameters=[OpenApiParameter("form", str, OpenApiParameter.PATH, enum=["csv", "parquet"])],
        responses={
            (200, "text/csv"): OpenApiTypes.BINARY,
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
        },
    )
    def download(self, request: Request, pk: str, form: str) -> Any:
        """Return all rows, ranked, as "csv" or "parquet"."""
        user: Any = request.user
        return file_of(user, self._ready(), form)

    def _ready(self) -> Prediction:
        prediction: Prediction = self.get_object()
        if not prediction.is_ready:
            message = (
                f"A result must be ready to be read. This one is {prediction.state}. "
                "Follow its job until it has succeeded."
            )
            raise DataError(Issue("not-ready", message))
        return prediction


def _page_of(request: Request) -> tuple[int, int]:
    fields = {"page": (1, 10**9), "page_size": (1, MOST_ROWS)}
    found = []
    for (name, (low, high)), default in zip(fields.items(), (1, 50), strict=True):
        field = serializers.IntegerField(min_value=low, max_value=high)
        try:
            found.append(field.run_validation(request.query_params.get(name, default)))
        except serializers.ValidationError as error:
            raise serializers.ValidationError({name: error.detail}) from error
    return found[0], found[1]


routes = [("predictions", PredictionViewSet, "prediction")]
urlpatterns = [
    path("solutions/<slug:slug>/predictions/", PredictionsView.as_view(), name="predictions"),
    # A router would put a slash after the name of the file.
    path(
        "predictions/<uuid:pk>/download.<str:form>",
        PredictionViewSet.as_view({"get": "download"}),
        name="prediction-download",
    ),
    path("", include("apps.inference.api_tables")),
]
