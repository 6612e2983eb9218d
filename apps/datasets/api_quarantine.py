"""Good rows of rejected versions in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.reverse import reverse

from apps.datasets.quarantine import keep_good_rows
from apps.datasets.quarantine_views import aside_file

if TYPE_CHECKING:
    import uuid

    from django.http import FileResponse
    from rest_framework.request import Request

    from apps.accounts.models import User


class QuarantineActions:
    """What a viewset of versions offers to part good rows from bad ones."""

    @extend_schema(
        request=None,
        responses={202: OpenApiResponse(OpenApiTypes.OBJECT, "The new version; a job makes it.")},
    )
    @action(detail=True, methods=["post"])
    def quarantine(self, request: Request, pk: str) -> Response:
        """Make a version of the good rows of a rejected one; the bad ones stay beside it."""
        version = self.get_object()  # type: ignore[attr-defined]
        kept = keep_good_rows(version, cast("User", request.user))
        body = self.get_serializer(kept).data  # type: ignore[attr-defined]
        place = reverse("api:dataset-version-detail", args=[kept.pk], request=request)
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": place})

    @extend_schema(
        operation_id="dataset_versions_put_aside_download",
        responses={(200, "text/csv"): OpenApiTypes.BINARY},
    )
    def aside_file(self, request: Request, pk: uuid.UUID) -> FileResponse:
        """Return the rows that were put aside as a CSV, each with its reason."""
        return aside_file(self.get_object())  # type: ignore[attr-defined]
