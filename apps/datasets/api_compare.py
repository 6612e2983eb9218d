"""Differences of versions in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.reverse import reverse

from apps.datasets.api_findings import NONE, STATES, job_url
from apps.datasets.comparing import start_comparison
from apps.datasets.inspecting import peer_of
from apps.datasets.models import Comparison

if TYPE_CHECKING:
    from rest_framework.request import Request

    from apps.accounts.models import User
    from apps.datasets.models import DatasetVersion


class DifferenceSerializer(serializers.Serializer[Any]):
    """What differs from an older version; `result` is empty until `state` is "ready"."""

    state = serializers.CharField(help_text=STATES)
    error = serializers.CharField()
    job_url = serializers.CharField(allow_null=True)
    result = serializers.DictField(
        help_text="n_old, n_new, n_same; added, removed and changed with n and the first rows; "
        "changed_cells by column; columns_added, columns_removed; is_same_content; moved."
    )


class CompareActions:
    """What a viewset of versions offers to compare two."""

    @extend_schema(responses=DifferenceSerializer)
    @action(detail=True, methods=["get"], url_path=r"compare/(?P<other>[0-9a-f-]{36})")
    def compare(self, request: Request, pk: str, other: str) -> Response:
        """Tell what differs from an older version, if that was found out."""
        new, old = self._pair(other)
        return Response(_difference(Comparison.objects.filter(new=new, old=old).first(), request))

    @extend_schema(request=None, responses={202: DifferenceSerializer})
    @compare.mapping.post
    def start_comparison(self, request: Request, pk: str, other: str) -> Response:
        """Find out what differs from an older version."""
        new, old = self._pair(other)
        comparison = start_comparison(new=new, old=old, user=cast("User", request.user))
        place = reverse("api:dataset-version-compare", args=[new.pk, old.pk], request=request)
        body = _difference(comparison, request)
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": place})

    def _pair(self, other: str) -> tuple[DatasetVersion, DatasetVersion]:
        found: DatasetVersion = self.get_object()  # type: ignore[attr-defined]
        known = serializers.UUIDField().run_validation(other)
        return found, peer_of(found, known)


def _difference(comparison: Comparison | None, request: Request) -> dict[str, Any]:
    return {
        "state": comparison.state if comparison else NONE,
        "error": comparison.error if comparison else "",
        "job_url": job_url(comparison, request),
        "result": comparison.result if comparison else {},
    }
