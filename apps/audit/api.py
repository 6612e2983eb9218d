"""The audit trail in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django.urls import path, reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.audit import exports, search, verification
from apps.audit.forms import TrailFilter
from apps.audit.models import AuditEvent, ChainCheck

if TYPE_CHECKING:
    from django.http import StreamingHttpResponse
    from rest_framework.request import Request

MOST_EVENTS = 1000
MOST_CHECKS = 50
_FILTERS = [
    OpenApiParameter("q", str, description="Words anywhere in an event."),
    OpenApiParameter("actor", str, description="Part of the mail address of who did it."),
    OpenApiParameter("action", str, description='Part of what was done, such as "model.".'),
    OpenApiParameter("since", OpenApiTypes.DATE, description="From this day on (UTC)."),
    OpenApiParameter("until", OpenApiTypes.DATE, description="Up to and with this day (UTC)."),
    OpenApiParameter("thing_type", str, description='Such as "registry.modelversion".'),
    OpenApiParameter("thing_id", str, description="The id of a thing: its whole history."),
]


class EventSerializer(serializers.ModelSerializer[AuditEvent]):
    team = serializers.UUIDField(source="team_id", allow_null=True)
    actor = serializers.CharField(source="actor_label")

    class Meta:
        model = AuditEvent
        fields: ClassVar = [
            "sequence", "at", "actor", "team", "action", "thing_type", "thing_id", "thing_label",
            "summary", "erased_at", "payload_digest", "previous_hash", "hash",
        ]  # fmt: skip
        read_only_fields = fields


class EventsSerializer(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True, help_text="Where older events are; null at last.")
    results = EventSerializer(many=True)


class CheckSerializer(serializers.ModelSerializer[ChainCheck]):
    state = serializers.ChoiceField(["running", "failed", "whole", "broken"], read_only=True)

    class Meta:
        model = ChainCheck
        fields: ClassVar = [
            "id", "state", "asked_at", "finished_at", "seconds", "n_done", "n_total", "n_events",
            "n_erased", "is_anchored", "bad_sequence", "reason", "error",
        ]  # fmt: skip
        read_only_fields = fields


class EventsView(APIView):
    """What was done, the newest first."""

    actions_needed: ClassVar = {"GET": "audit.view"}

    @extend_schema(
        operation_id="audit_list",
        parameters=[
            *_FILTERS,
            OpenApiParameter("before", int, description="Only events with a smaller number."),
            OpenApiParameter("page_size", int, description=f"At most {MOST_EVENTS}; 50 if empty."),
        ],
        responses=EventsSerializer,
    )
    def get(self, request: Request) -> Response:
        """Return events that fit; follow `next` for older ones, which costs the same at any depth.

        A key reads the events of its own team.
        """
        asked = _asked(request)
        place = _Place(data=request.query_params)
        place.is_valid(raise_exception=True)
        before, size = place.validated_data.get("before"), place.validated_data["page_size"]
        page = search.page(search.find(_user(request), asked), before=before, size=size)
        following = None
        if page.older is not None:
            query = {**request.query_params.dict(), "before": str(page.older)}
            following = f"{reverse('api:audit')}?{urlencode(query)}"
        results = EventSerializer(page.events, many=True).data
        return Response({"next": following, "results": results})


class ExportView(APIView):
    """The trail as a file."""

    actions_needed: ClassVar = {"GET": "audit.view"}

    @extend_schema(
        operation_id="audit_export",
        parameters=[
            OpenApiParameter("form", str, OpenApiParameter.PATH, enum=["csv", "jsonl"]),
            *_FILTERS,
        ],
        responses={
            (200, "text/csv"): OpenApiTypes.BINARY,
            (200, "application/x-ndjson"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, form: str) -> StreamingHttpResponse:
        """Return all events that fit, oldest first, as "csv" or "jsonl"; that is recorded."""
        return exports.answer(_user(request), _asked(request), form)


class ChecksView(APIView):
    """Walks along the chain."""

    actions_needed: ClassVar = {"GET": "audit.view", "POST": "audit.view"}

    @extend_schema(operation_id="audit_checks_list", responses=CheckSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Return the last checks of the chain, the newest first."""
        return Response(CheckSerializer(ChainCheck.objects.all()[:MOST_CHECKS], many=True).data)

    @extend_schema(
        operation_id="audit_checks_create",
        request=None,
        responses={202: OpenApiResponse(CheckSerializer, "Started, or running already.")},
    )
    def post(self, request: Request) -> Response:
        """Verify the whole chain, as a job; while one runs, that one is returned."""
        check = verification.ask(_user(request))
        return Response(CheckSerializer(check).data, status=status.HTTP_202_ACCEPTED)


class _Place(serializers.Serializer[Any]):
    before = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    page_size = serializers.IntegerField(
        required=False, default=search.PAGE_SIZE, min_value=1, max_value=MOST_EVENTS
    )


def _user(request: Request) -> Any:
    return request.user


def _asked(request: Request) -> dict[str, Any]:
    form = TrailFilter(request.query_params)
    if not form.is_valid():
        raise serializers.ValidationError(
            {name: [str(one) for one in found] for name, found in form.errors.items()}
        )
    return form.chosen


urlpatterns = [
    path("audit/", EventsView.as_view(), name="audit"),
    path("audit/export/<str:form>/", ExportView.as_view(), name="audit-export"),
    path("audit/checks/", ChecksView.as_view(), name="audit-checks"),
]
