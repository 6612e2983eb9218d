"""Trainings in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.policies import require
from apps.catalog.services import solution as find_solution
from apps.config.pagination import Pages
from apps.datasets.models import DatasetVersion
from apps.experiments import services
from apps.experiments.curves import curves
from apps.experiments.models import TrainingRun

if TYPE_CHECKING:
    from rest_framework.request import Request

    from apps.accounts.models import TeamOwnedQuerySet

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key gives the same answer again, and starts nothing twice.",
)


class TrainingSerializer(serializers.ModelSerializer[TrainingRun]):
    url = serializers.URLField(source="get_absolute_url", read_only=True)
    job_url = serializers.SerializerMethodField()
    model = serializers.SerializerMethodField()

    class Meta:
        model = TrainingRun
        fields: ClassVar = [
            "id", "url", "solution", "dataset_version", "options", "seed", "state", "metrics",
            "how_split", "window", "budget_s", "code_version", "data_sha256", "job",
            "job_url", "model", "created_at", "started_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_job_url(self, run: TrainingRun) -> str | None:
        return f"/api/v1/jobs/{run.job_id}/" if run.job_id else None

    def get_model(self, run: TrainingRun) -> str | None:
        model = getattr(run, "model", None)
        return str(model.pk) if model else None


class StartTrainingSerializer(serializers.Serializer[Any]):
    dataset_version = serializers.UUIDField()
    options = serializers.DictField(required=False, default=dict)
    seed = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=services.LARGEST_SEED
    )


class TrainingsView(APIView):
    """Start a training of a solution, or list its trainings."""

    actions_needed: ClassVar = {"GET": "runs.view", "POST": "solutions.train"}
    pagination_class = Pages

    @extend_schema(responses=TrainingSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List the trainings of a solution, the newest first."""
        find_solution(slug)
        user: Any = request.user
        runs = TrainingRun.objects.visible_to(user).filter(solution=slug).select_related("model")
        pages = self.pagination_class()
        page = pages.paginate_queryset(runs, request, self)
        return pages.get_paginated_response(TrainingSerializer(page, many=True).data)

    @extend_schema(
        request=StartTrainingSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: OpenApiResponse(TrainingSerializer, "Started; follow `job_url`.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Start a training; it runs as a job."""
        find_solution(slug)
        asked = StartTrainingSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user: Any = request.user
        run = services.start_training(
            user=user,
            solution=slug,
            version=version_for(user, asked.validated_data["dataset_version"]),
            options=asked.validated_data["options"],
            seed=asked.validated_data["seed"],
            token=token_of(request),
        )
        answer = TrainingSerializer(run).data
        headers = {"Location": f"/api/v1/runs/{run.pk}/"}
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers=headers)


def version_for(user: Any, version_id: Any) -> DatasetVersion:
    """Return a dataset version that this person may see. Raises: Http404: if there is none."""
    versions = DatasetVersion.objects.select_related("dataset", "team")
    version: DatasetVersion = get_object_or_404(versions, pk=version_id)
    require(user, "datasets.view", version)
    return version


def token_of(request: Request) -> str:
    """Return the token under which a request is done once, or nothing if it names none.

    It is narrowed to the person, so that nobody meets the work of another by chance.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    return services.token_from(key, request.user.pk) if key else ""


class RunViewSet(ReadOnlyModelViewSet[TrainingRun]):
    """Trainings: what went in, and what came out."""

    queryset = TrainingRun.objects.none()
    serializer_class = TrainingSerializer
    actions_needed: ClassVar = {"GET": "runs.view"}
    filterset_fields: ClassVar = ["state", "solution", "dataset_version"]

    def get_queryset(self) -> TeamOwnedQuerySet:
        user: Any = self.request.user
        return TrainingRun.objects.visible_to(user).select_related("model")

    @extend_schema(responses={200: OpenApiResponse(description="Figure -> [[step, value], ...]")})
    @action(detail=True, methods=["get"], filterset_fields=[], pagination_class=None)
    def curves(self, request: Request, pk: str) -> Response:
        """Return each figure that was reported at steps."""
        return Response(curves(self.get_object()))


routes = [("runs", RunViewSet, "run")]
urlpatterns = [
    path("solutions/<slug:slug>/trainings/", TrainingsView.as_view(), name="trainings"),
]
