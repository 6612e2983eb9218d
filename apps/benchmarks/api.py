"""Claims in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.benchmarks.claims import counts, judged

if TYPE_CHECKING:
    from rest_framework.request import Request


class ClaimSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(source="claim.name")
    title = serializers.CharField(source="claim.title")
    verdict = serializers.ChoiceField(
        choices=["reached", "missed", "measured", "unmeasured"],
        help_text="measured: it has no bound; unmeasured: not measured on this machine.",
    )
    value = serializers.FloatField(allow_null=True)
    bound = serializers.FloatField(allow_null=True)
    bound_words = serializers.CharField(help_text="What the figure must be.")
    published = serializers.FloatField(source="claim.published", allow_null=True)
    published_by = serializers.CharField(source="claim.source")
    unit = serializers.CharField(source="claim.unit")
    device = serializers.CharField()
    date = serializers.DateField(allow_null=True)
    command = serializers.CharField(help_text="What measured it, or would.")
    trouble = serializers.CharField(help_text="Why a file that is there gave no figure.")


class ClaimGroupSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    note = serializers.CharField()
    claims = ClaimSerializer(many=True)


class ClaimCountsSerializer(serializers.Serializer[Any]):
    reached = serializers.IntegerField()
    missed = serializers.IntegerField()
    measured = serializers.IntegerField()
    unmeasured = serializers.IntegerField()


class ClaimsSerializer(serializers.Serializer[Any]):
    counts = ClaimCountsSerializer()
    groups = ClaimGroupSerializer(many=True)


class ClaimsView(APIView):
    """What is claimed, and what was measured."""

    actions_needed: ClassVar = {"GET": "models.view"}

    @extend_schema(responses=ClaimsSerializer)
    def get(self, request: Request) -> Response:
        """List every claim with its figure, device, date and command."""
        groups = judged(settings.ASSAY_BENCHMARK_RESULTS)
        return Response(ClaimsSerializer({"counts": counts(groups), "groups": groups}).data)


urlpatterns = [path("claims/", ClaimsView.as_view(), name="claims")]
