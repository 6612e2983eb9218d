"""The feature store in the REST interface."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from apps.accounts.policies import require
from apps.audit.services import record
from apps.config.pagination import Pages
from apps.experiments.api import IDEMPOTENCY_KEY, token_of, version_for
from apps.features import online, services
from apps.features.definitions import definitions
from apps.features.freshness import freshness, newest_version
from apps.features.models import FeatureView, Materialization, Mode
from ml_core.errors import DataError, Issue
from ml_core.features.view import span

if TYPE_CHECKING:
    from rest_framework.request import Request

    from apps.accounts.models import TeamOwnedQuerySet

MOST_ENTITIES = 1000


class AggregationSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    column = serializers.CharField(allow_null=True, help_text="null where rows are counted.")
    statistics = serializers.ListField(child=serializers.CharField())
    windows = serializers.SerializerMethodField()
    delay_s = serializers.SerializerMethodField()
    features = serializers.ListField(child=serializers.CharField())

    def get_windows(self, one: Any) -> list[str]:
        return [span(window) for window in one.windows]

    def get_delay_s(self, one: Any) -> float:
        return float(one.delay) / 1_000_000


class DefinitionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    entity = serializers.CharField()
    time = serializers.CharField()
    key = serializers.CharField(allow_null=True)
    version = serializers.CharField()
    aggregations = AggregationSerializer(many=True)


class FeatureViewSerializer(serializers.ModelSerializer[FeatureView]):
    url = serializers.URLField(source="get_absolute_url", read_only=True)
    freshness = serializers.SerializerMethodField(help_text="good, or a word for what is amiss.")
    freshness_reason = serializers.SerializerMethodField()

    class Meta:
        model = FeatureView
        fields: ClassVar = [
            "id", "url", "solution", "name", "dataset", "version", "view_hash", "n_rows",
            "n_days", "n_entities", "newest_event", "materialised_at", "freshness",
            "freshness_reason", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_freshness(self, view: FeatureView) -> str:
        return freshness(view).state

    def get_freshness_reason(self, view: FeatureView) -> str:
        return freshness(view).reason


class MaterializationSerializer(serializers.ModelSerializer[Materialization]):
    job_url = serializers.SerializerMethodField()
    sources = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta:
        model = Materialization
        fields: ClassVar = [
            "id", "view", "version", "mode", "start", "end", "state", "sources", "view_hash",
            "data_sha256", "code_version", "n_rows", "n_days", "n_kept", "n_dropped",
            "newest_event", "job", "job_url", "created_at", "started_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_job_url(self, made: Materialization) -> str | None:
        return f"/api/v1/jobs/{made.job_id}/" if made.job_id else None


class HowMuchSerializer(serializers.Serializer[Any]):
    mode = serializers.ChoiceField(
        Mode.choices, required=False, default=Mode.INCREMENTAL.value,
        help_text="What changed, all of it, or a range of days.",
    )  # fmt: skip
    start = serializers.DateField(required=False, default=None, help_text="Of a backfill, UTC.")
    end = serializers.DateField(required=False, default=None, help_text="The last day, too.")


class MaterialiseAgainSerializer(HowMuchSerializer):
    dataset_version = serializers.UUIDField(
        required=False, help_text="Of the same dataset; its newest one by default."
    )


class MaterialiseSerializer(HowMuchSerializer):
    dataset_version = serializers.UUIDField()
    view = serializers.CharField(max_length=48, help_text="Name of a view of the solution.")


class LookUpSerializer(serializers.Serializer[Any]):
    entities = serializers.ListField(
        child=serializers.CharField(max_length=200), min_length=1, max_length=MOST_ENTITIES
    )
    at = serializers.DateTimeField(required=False, help_text="As of when; now by default.")


class FoundSerializer(serializers.Serializer[Any]):
    entity = serializers.CharField()
    is_known = serializers.BooleanField(help_text="Whether anything is kept of it.")
    is_complete = serializers.BooleanField(help_text="Whether all rows of the windows are kept.")
    n_rows = serializers.IntegerField()
    newest = serializers.DateTimeField(allow_null=True)
    features = serializers.DictField(child=serializers.FloatField(allow_null=True))


class LookedUpSerializer(serializers.Serializer[Any]):
    view_hash = serializers.CharField()
    at = serializers.DateTimeField()
    results = FoundSerializer(many=True)


STARTED = {202: OpenApiResponse(MaterializationSerializer, "Started; follow `job_url`.")}


class FeatureViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[FeatureView]):
    """Feature views kept for datasets: materialise them, and look entities up."""

    queryset = FeatureView.objects.none()
    serializer_class = FeatureViewSerializer
    actions_needed: ClassVar = {
        "GET": "features.view",
        "create": "features.materialise",
        "materialise": "features.materialise",
        "online": "features.view",
    }
    also_needed: ClassVar = dict.fromkeys(("create", "materialise", "online"), "datasets.view")
    filterset_fields: ClassVar = ["solution", "name", "dataset"]

    def get_queryset(self) -> TeamOwnedQuerySet:
        user: Any = self.request.user
        rows = FeatureView.objects.visible_to(user).select_related("dataset", "team")
        return rows.light().with_newest() if self.action == "list" else rows.with_newest()

    @extend_schema(request=MaterialiseSerializer, parameters=[IDEMPOTENCY_KEY], responses=STARTED)
    def create(self, request: Request) -> Response:
        """Compute a view of a dataset version; the view is kept for its dataset from then on."""
        asked = MaterialiseSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        version = version_for(request.user, said["dataset_version"])
        return self._start(request, said["view"], version, said)

    @extend_schema(
        request=MaterialiseAgainSerializer, parameters=[IDEMPOTENCY_KEY], responses=STARTED
    )
    @action(detail=True, methods=["post"])
    def materialise(self, request: Request, pk: str) -> Response:
        """Bring a kept view up to its dataset, or compute a range of days anew."""
        view = self.get_object()
        asked = MaterialiseAgainSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        named = said.get("dataset_version")
        version = version_for(request.user, named) if named else newest_version(view)
        if version is None or version.dataset_id != view.dataset_id:
            message = (
                "The version must be one of the view's dataset that has passed its checks. "
                "Got another, or none. Choose one of it."
            )
            raise DataError(Issue("other-dataset", message))
        return self._start(request, view.name, version, said)

    @extend_schema(request=LookUpSerializer, responses=LookedUpSerializer)
    @action(detail=True, methods=["post"])
    def online(self, request: Request, pk: str) -> Response:
        """Look up the features of entities at a moment, from the online store."""
        view = self.get_object()
        asked = LookUpSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        entities = asked.validated_data["entities"]
        at = asked.validated_data.get("at") or datetime.now(UTC)
        user: Any = request.user
        require(user, "datasets.view", view)
        found = online.look_up(view, entities, at)
        record("features.looked_up", actor=user, team=view.team, thing=view,
               n_entities=len(entities))  # fmt: skip
        results = [
            {"entity": entity, "is_known": one.is_known, "is_complete": one.is_complete,
             "n_rows": one.n_rows, "newest": online.moment(one.newest), "features": one.features}
            for entity, one in zip(entities, found, strict=True)
        ]  # fmt: skip
        answer = {"view_hash": view.view_hash, "at": at, "results": results}
        return Response(LookedUpSerializer(answer).data)

    @extend_schema(responses=MaterializationSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], filterset_fields=[])
    def materializations(self, request: Request, pk: str) -> Response:
        """List the runs over a view with what they were made from, the newest first."""
        page = self.paginate_queryset(self.get_object().materializations.all())
        return self.get_paginated_response(MaterializationSerializer(page, many=True).data)

    def _start(self, request: Request, name: str, version: Any, said: dict[str, Any]) -> Response:
        user: Any = request.user
        made = services.materialise(
            user=user, name=name, version=version, mode=said["mode"], start=said["start"],
            end=said["end"], token=token_of(request),
        )  # fmt: skip
        headers = {"Location": f"/api/v1/features/{made.view_id}/"}
        answer = MaterializationSerializer(made).data
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers=headers)


class DefinitionsView(APIView):
    """What a solution defines."""

    actions_needed: ClassVar = {"GET": "features.view"}
    pagination_class = Pages

    @extend_schema(
        responses=DefinitionSerializer(many=True), operation_id="solutions_features_list"
    )
    def get(self, request: Request, slug: str) -> Response:
        """Return the feature views that a solution defines, with their windows."""
        pages: Any = self.pagination_class()
        page = pages.paginate_queryset(definitions(slug), request, self)
        found: Response = pages.get_paginated_response(DefinitionSerializer(page, many=True).data)
        return found


routes = [("features", FeatureViewSet, "feature")]
urlpatterns = [
    path("solutions/<slug:slug>/features/", DefinitionsView.as_view(), name="solution-features"),
]
