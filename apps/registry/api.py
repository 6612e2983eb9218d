"""Models in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.policies import require
from apps.registry import api_compress, comparison, listing, services, stages
from apps.registry.models import ModelVersion, StageChange
from ml_core.errors import ModelError
from ml_core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

    from apps.accounts.models import User
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
            "id", "url", "solution", "number", "stage", "team", "run", "parent", "metrics",
            "size_bytes", "promoted_at", "promoted_why", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class ChangeSerializer(serializers.ModelSerializer[StageChange]):
    by = serializers.CharField(source="by.email", allow_null=True, default=None)
    other_model = serializers.UUIDField(source="other_id", allow_null=True)

    class Meta:
        model = StageChange
        fields: ClassVar = ["at", "move", "stage", "by", "reason", "other_model"]
        read_only_fields = fields


class ModelDetailSerializer(ModelSerializer):
    files = serializers.SerializerMethodField()
    history = serializers.SerializerMethodField()
    lineage = serializers.SerializerMethodField()
    rolls_back_to = serializers.SerializerMethodField()

    class Meta(ModelSerializer.Meta):
        fields: ClassVar = [
            *ModelSerializer.Meta.fields, "card", "lineage", "history", "rolls_back_to", "files",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(ChangeSerializer(many=True))
    def get_history(self, model: ModelVersion) -> list[dict[str, Any]]:
        found = ChangeSerializer(model.changes.select_related("by"), many=True).data
        return [dict(one) for one in found]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_lineage(self, model: ModelVersion) -> dict[str, Any]:
        return listing.lineage(model)

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_rolls_back_to(self, model: ModelVersion) -> str | None:
        found = stages.previous(model) if model.stage == "live" else None
        return str(found.pk) if found else None

    @extend_schema_field(FileSerializer(many=True))
    def get_files(self, model: ModelVersion) -> list[dict[str, Any]]:
        # Where a file lies in the store is nobody's business but the product's.
        return [
            {"name": name, "sha256": entry["sha256"], "size": entry["size"]}
            for name, entry in model.manifest.items()
        ]


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(
        max_length=stages.LONGEST_REASON, help_text="Why; kept in the audit trail."
    )


class ComparedFigureSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    a = serializers.FloatField(allow_null=True)
    b = serializers.FloatField(allow_null=True)
    difference = serializers.FloatField(allow_null=True, help_text="b less a.")
    better = serializers.CharField(
        allow_blank=True, help_text='"a", "b", "equal", or nothing where it cannot be said.'
    )
    is_sure = serializers.BooleanField(
        allow_null=True, help_text="False if one lies within the bounds of the other."
    )


class PairSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    a = serializers.JSONField(allow_null=True)
    b = serializers.JSONField(allow_null=True)
    differs = serializers.BooleanField()


class ComparisonSerializer(serializers.Serializer[Any]):
    same_test = serializers.BooleanField(help_text="Whether both were measured on the same rows.")
    warning = serializers.CharField(allow_blank=True)
    figures = ComparedFigureSerializer(many=True)
    options = PairSerializer(many=True)
    learned_from = PairSerializer(many=True)
    scope = PairSerializer(many=True)


class ModelViewSet(ReadOnlyModelViewSet[ModelVersion]):
    """Models by stage, with their cards."""

    queryset = ModelVersion.objects.none()
    actions_needed: ClassVar = {
        "GET": "models.view",
        "promote": "models.promote",
        "rollback": "models.promote",
        "retire": "models.promote",
        "restore": "models.promote",
    }
    filterset_fields: ClassVar = ["stage", "solution", "team"]

    def get_queryset(self) -> ModelVersionQuerySet:
        user: Any = self.request.user
        models: ModelVersionQuerySet = ModelVersion.objects.visible_to(user)
        if self.action == "list":
            words = self.request.query_params.get("q", "")
            return listing.narrowed(models, {"q": words}).defer("card", "manifest")
        return models.select_related("run__dataset_version__dataset")

    def get_serializer_class(self) -> type[ModelSerializer]:
        return ModelSerializer if self.action == "list" else ModelDetailSerializer

    @extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="A number, or part of data or a person's name.")
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return models, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(
        operation_id="models_compare",
        parameters=[
            OpenApiParameter("a", OpenApiTypes.UUID, required=True),
            OpenApiParameter("b", OpenApiTypes.UUID, required=True),
        ],
        responses=ComparisonSerializer,
        filters=False,
    )
    @action(detail=False, methods=["get"], filterset_fields=[], pagination_class=None)
    def compare(self, request: Request) -> Response:
        """Return two models of one solution side by side."""
        asked = _Pair(data=request.query_params)
        asked.is_valid(raise_exception=True)
        a, b = (self._visible(asked.validated_data[side]) for side in ("a", "b"))
        if a.solution != b.solution:
            message = "Models to compare must be of one solution. These are not. Choose two others."
            raise ModelError(message)
        return Response(_compared(comparison.compare(a, b)))

    @extend_schema(request=ReasonSerializer, responses=ModelDetailSerializer)
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, pk: str) -> Response:
        """Make the model live; the one before retires. A retired one is rolled back to."""
        return self._move(services.promote)

    @extend_schema(request=ReasonSerializer, responses=ModelDetailSerializer)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: str) -> Response:
        """Leave this live model for the one that was live before, which is returned."""
        return self._move(services.roll_back)

    @extend_schema(request=ReasonSerializer, responses=ModelDetailSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: str) -> Response:
        """Put a candidate aside."""
        return self._move(services.retire)

    @extend_schema(request=ReasonSerializer, responses=ModelDetailSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Make a retired model a candidate again."""
        return self._move(services.restore)

    def _move(self, act: Callable[[ModelVersion, User, str], ModelVersion]) -> Response:
        found = self.get_object()
        asked = ReasonSerializer(data=self.request.data)
        asked.is_valid(raise_exception=True)
        user: Any = self.request.user
        moved = act(found, user, asked.validated_data["reason"])
        return Response(self.get_serializer(moved).data)

    def _visible(self, model_id: Any) -> ModelVersion:
        chosen = ModelVersion.objects.select_related("run__dataset_version__dataset")
        found: ModelVersion = get_object_or_404(chosen, pk=model_id)
        user: Any = self.request.user
        require(user, "models.view", found)
        return found


class _Pair(serializers.Serializer[Any]):
    a = serializers.UUIDField()
    b = serializers.UUIDField()


def _compared(found: comparison.Comparison) -> dict[str, Any]:
    figures = [
        {
            "name": one.figure["name"],
            "title": one.figure["title"],
            "a": one.a["value"] if one.a else None,
            "b": one.b["value"] if one.b else None,
            "difference": one.difference,
            "better": one.better,
            "is_sure": one.is_sure,
        }
        for one in found.figures
    ]
    answer: dict[str, Any] = {"same_test": found.same_test, "warning": found.warning}
    facts = {"options": found.options, "learned_from": found.data, "scope": found.scope}
    for name, pairs in facts.items():
        answer[name] = [{"name": p.name, "a": p.a, "b": p.b, "differs": p.differs} for p in pairs]
    return dict(plain({**answer, "figures": figures}))


routes = [("models", ModelViewSet, "model"), *api_compress.routes]
urlpatterns = api_compress.urlpatterns
