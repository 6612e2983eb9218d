"""Models in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.registry import services
from apps.registry.models import ModelVersion

if TYPE_CHECKING:
    from rest_framework.request import Request

    from apps.registry.models import ModelVersionQuerySet


class FileSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    sha256 = serializers.CharField()
    size = serializers.IntegerField()


class ModelSerializer(serializers.ModelSerializer[ModelVersion]):
    url = serializers.URLField(source="get_absolute_url", read_only=True)

    class Meta:
        model = ModelVersion
        fields: ClassVar = [
            "id", "url", "solution", "number", "stage", "run", "metrics", "size_bytes",
            "promoted_at", "promoted_why", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class ModelDetailSerializer(ModelSerializer):
    files = serializers.SerializerMethodField()

    class Meta(ModelSerializer.Meta):
        fields: ClassVar = [*ModelSerializer.Meta.fields, "card", "files"]
        read_only_fields = fields

    @extend_schema_field(FileSerializer(many=True))
    def get_files(self, model: ModelVersion) -> list[dict[str, Any]]:
        # Where a file lies in the store is nobody's business but the product's.
        return [
            {"name": name, "sha256": entry["sha256"], "size": entry["size"]}
            for name, entry in model.manifest.items()
        ]


class PromoteSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1000)


class ModelViewSet(ReadOnlyModelViewSet[ModelVersion]):
    """Models by stage, with their cards."""

    queryset = ModelVersion.objects.none()
    actions_needed: ClassVar = {"GET": "models.view", "promote": "models.promote"}
    filterset_fields: ClassVar = ["stage", "solution"]

    def get_queryset(self) -> ModelVersionQuerySet:
        user: Any = self.request.user
        models: ModelVersionQuerySet = ModelVersion.objects.visible_to(user)
        return models

    def get_serializer_class(self) -> type[ModelSerializer]:
        return ModelSerializer if self.action == "list" else ModelDetailSerializer

    @extend_schema(request=PromoteSerializer, responses=ModelDetailSerializer)
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, pk: str) -> Response:
        """Make the model live; the one before retires. A retired one is rolled back to."""
        found = self.get_object()
        asked = PromoteSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user: Any = request.user
        model = services.promote(found, user, asked.validated_data["reason"])
        return Response(self.get_serializer(model).data)


routes = [("models", ModelViewSet, "model")]
