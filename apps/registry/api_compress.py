"""Making models smaller in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from drf_spectacular.utils import extend_schema_field as described
from rest_framework import serializers, status
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.policies import require
from apps.config.pagination import Pages
from apps.experiments.services import token_from
from apps.registry.compressing import start_compression
from apps.registry.models import Compression, ModelVersion

if TYPE_CHECKING:
    import uuid

    from rest_framework.request import Request

    from apps.accounts.models import TeamOwnedQuerySet


class VariantSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    size_mb = serializers.FloatField()
    latency_ms = serializers.FloatField(help_text="Of one row alone, on the worker's processor.")
    rows_per_s = serializers.FloatField(help_text="In batches of 16.")
    metric = serializers.FloatField(allow_null=True, help_text="The first figure of the solution.")
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    loss = serializers.FloatField(allow_null=True, help_text="In points: hundredths.")
    allowed = serializers.FloatField()
    passed = serializers.BooleanField()
    parameters = serializers.IntegerField()
    channels = serializers.IntegerField()
    macs = serializers.IntegerField(help_text="Multiplications and additions for one row.")
    tested = serializers.FloatField(
        default=None,
        allow_null=True,
        help_text="The metric on rows by which nothing was chosen: of the original, and of the "
        "form that was to be kept.",
    )
    tested_loss = serializers.FloatField(default=None, allow_null=True)


class CompressionSerializer(serializers.ModelSerializer[Compression]):
    url = serializers.URLField(source="get_absolute_url", read_only=True)
    job_url = serializers.SerializerMethodField()
    variants = serializers.SerializerMethodField()

    class Meta:
        model = Compression
        fields: ClassVar = [
            "id", "url", "model", "options", "state", "variants", "chosen", "result", "job",
            "job_url", "created_at", "started_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_job_url(self, found: Compression) -> str | None:
        return f"/api/v1/jobs/{found.job_id}/" if found.job_id else None

    @described(VariantSerializer(many=True))
    def get_variants(self, found: Compression) -> list[dict[str, Any]]:
        return [dict(one) for one in VariantSerializer(found.variants, many=True).data]


class StartCompressionSerializer(serializers.Serializer[Any]):
    options = serializers.DictField(
        required=False, default=dict,
        help_text="Steps (prune, distil, ptq, qat, low_rank), allowed_loss, minutes, share, goal.",
    )  # fmt: skip


class ModelCompressionsView(APIView):
    """Make a model smaller, or list what was tried with it."""

    actions_needed: ClassVar = {"GET": "models.view", "POST": "solutions.train"}
    pagination_class = Pages

    @extend_schema(
        operation_id="models_compressions_list", responses=CompressionSerializer(many=True)
    )
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """List what was tried with a model, the newest first."""
        tried = _model(request, pk, "models.view").compressions.all()
        pages = self.pagination_class()
        page = pages.paginate_queryset(tried, request, self)
        return pages.get_paginated_response(CompressionSerializer(page, many=True).data)

    @extend_schema(
        operation_id="models_compressions_create",
        request=StartCompressionSerializer,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER,
                description="The same key gives the same answer again, and starts nothing twice.",
            )
        ],
        responses={202: OpenApiResponse(CompressionSerializer, "Started; follow `job_url`.")},
    )  # fmt: skip
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Make a model smaller; it runs as a job, and what passes becomes a candidate."""
        model = _model(request, pk, "solutions.train")
        asked = StartCompressionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user: Any = request.user
        key = request.headers.get("Idempotency-Key", "").strip()
        found = start_compression(
            user=user,
            model=model,
            options=asked.validated_data["options"],
            token=token_from(key, user.pk) if key else "",
        )
        headers = {"Location": f"/api/v1/compressions/{found.pk}/"}
        answer = CompressionSerializer(found).data
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers=headers)


class CompressionViewSet(ReadOnlyModelViewSet[Compression]):
    """What was tried to make models smaller, with all forms side by side."""

    queryset = Compression.objects.none()
    serializer_class = CompressionSerializer
    actions_needed: ClassVar = {"GET": "models.view"}
    filterset_fields: ClassVar = ["state", "model"]

    def get_queryset(self) -> TeamOwnedQuerySet:
        user: Any = self.request.user
        visible: TeamOwnedQuerySet = Compression.objects.visible_to(user)
        return visible


def _model(request: Request, model_id: uuid.UUID, action: str) -> ModelVersion:
    rows = ModelVersion.objects.select_related("team", "run")
    found: ModelVersion = get_object_or_404(rows, pk=model_id)
    user: Any = request.user
    require(user, action, found)
    return found


routes = [("compressions", CompressionViewSet, "compression")]
urlpatterns = [
    path(
        "models/<uuid:pk>/compressions/",
        ModelCompressionsView.as_view(),
        name="model-compressions",
    ),
]
