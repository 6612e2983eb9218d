"""Inspections and their findings in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.reverse import reverse

from apps.datasets.findings_views import newest_inspection
from apps.datasets.inspecting import MOST_RULES, peer_of, start_inspection
from apps.datasets.models import Comparison, Finding, WorkState
from ml_core.data.inspection.finding import SEVERITIES

if TYPE_CHECKING:
    from rest_framework.request import Request

    from apps.accounts.models import User
    from apps.datasets.models import DatasetVersion, Inspection


NONE = "none"
STATES = ", ".join((NONE, *WorkState.values))


class FindingSerializer(serializers.ModelSerializer[Finding]):
    check = serializers.CharField(source="check_name")

    class Meta:
        model = Finding
        fields: ClassVar = [
            "check", "severity", "column", "message", "advice", "n_rows", "rows", "figures",
        ]  # fmt: skip
        read_only_fields = fields


class FindingsSerializer(serializers.Serializer[Any]):
    """What the newest inspection of a version found; `state` "none" where there was none."""

    state = serializers.CharField(help_text=STATES)
    reference = serializers.UUIDField(allow_null=True)
    rules = serializers.ListField(child=serializers.CharField())
    error = serializers.CharField()
    finished_at = serializers.DateTimeField(allow_null=True)
    job_url = serializers.CharField(allow_null=True)
    n_findings = serializers.IntegerField(help_text="Of all, before the filter.")
    findings = FindingSerializer(many=True)


class InspectSerializer(serializers.Serializer[Any]):
    """Beside which version, and by which rules, to look."""

    reference = serializers.UUIDField(
        required=False, allow_null=True, default=None,
        help_text="A ready version of the same team and solution.",
    )  # fmt: skip
    rules = serializers.ListField(
        child=serializers.CharField(max_length=500), required=False, default=list,
        max_length=MOST_RULES,
        help_text='Such as "card_id among reference.card_id" or "opened not after closed".',
    )  # fmt: skip


class FindingActions:
    """What a viewset of versions offers to look through one."""

    @extend_schema(
        parameters=[
            OpenApiParameter("severity", enum=list(SEVERITIES)),
            OpenApiParameter("column", OpenApiTypes.STR),
        ],
        responses=FindingsSerializer,
    )
    @action(detail=True, methods=["get"], filterset_fields=())
    def findings(self, request: Request, pk: str) -> Response:
        """Tell what the newest inspection found, the worst first."""
        version: DatasetVersion = self.get_object()  # type: ignore[attr-defined]
        return Response(_told(newest_inspection(version), request))

    @extend_schema(request=InspectSerializer, responses={202: FindingsSerializer})
    @findings.mapping.post
    def inspect(self, request: Request, pk: str) -> Response:
        """Look through the rows of a version, beside a reference if one is named."""
        version: DatasetVersion = self.get_object()  # type: ignore[attr-defined]
        form = InspectSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        reference = peer_of(version, given["reference"]) if given["reference"] else None
        inspection = start_inspection(
            version=version, user=cast("User", request.user), reference=reference,
            rules=given["rules"],
        )  # fmt: skip
        place = reverse("api:dataset-version-findings", args=[version.pk], request=request)
        return Response(
            _told(inspection, request), status=status.HTTP_202_ACCEPTED, headers={"Location": place}
        )


def _told(inspection: Inspection | None, request: Request) -> dict[str, Any]:
    rows = inspection.findings.all() if inspection else Finding.objects.none()
    n_findings = rows.count()
    for name in ("severity", "column"):
        if value := request.query_params.get(name):
            rows = rows.filter(**{name: value})
    return {
        "state": inspection.state if inspection else NONE,
        "reference": inspection.reference_id if inspection else None,
        "rules": inspection.rules if inspection else [],
        "error": inspection.error if inspection else "",
        "finished_at": inspection.finished_at if inspection else None,
        "job_url": job_url(inspection, request),
        "n_findings": n_findings,
        "findings": FindingSerializer(rows, many=True).data,
    }


def job_url(work: Inspection | Comparison | None, request: Request) -> str | None:
    """Return the address of the job that does a piece of work, or None."""
    if work is None or work.job_id is None:
        return None
    return reverse("api:job-detail", args=[work.job_id], request=request)
