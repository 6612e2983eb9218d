"""Repositories of DVC in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.reverse import reverse

from apps.accounts.services import current_team
from apps.catalog.services import registry
from apps.datasets import storage
from apps.datasets.dvc import export_repository, import_repository
from apps.datasets.uploads import StoredUpload
from ml_core.data.archive import open_archive
from ml_core.data.dvc_places import ZipRepository

if TYPE_CHECKING:
    from django.http import StreamingHttpResponse
    from rest_framework.request import Request

    from apps.accounts.models import User


class DvcSerializer(serializers.Serializer[Any]):
    """A repository of DVC, and what of it is meant."""

    file = serializers.FileField(
        allow_empty_file=True, max_length=255,
        help_text="A ZIP of the repository with .dvc/cache, a local remote, or files checked out.",
    )  # fmt: skip
    solution = serializers.CharField(help_text="Slug of the solution.")
    entry = serializers.CharField(
        required=False, max_length=500, default="",
        help_text="Its .dvc file or path; not needed where there is one.",
    )  # fmt: skip
    name = serializers.CharField(required=False, max_length=120, default="")

    def validate_file(self, file: Any) -> StoredUpload:
        if not isinstance(file, StoredUpload):
            raise serializers.ValidationError("file must be sent as multipart/form-data.")
        return file

    def validate_solution(self, slug: str) -> str:
        if slug not in registry():
            known = ", ".join(registry().solutions) or "none"
            raise serializers.ValidationError(f"solution must be one of {known}. Got {slug!r}.")
        return slug


class DvcExport:
    """What a viewset of versions offers to give one to a repository."""

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def dvc(self, request: Request, pk: str) -> StreamingHttpResponse:
        """Give a version away as a repository of DVC in a ZIP."""
        found = self.get_object()  # type: ignore[attr-defined]
        return export_repository(found, cast("User", request.user))


class DvcImport:
    """What a viewset of datasets offers to take in repositories of DVC."""

    @extend_schema(
        operation_id="datasets_dvc_import",
        request={"multipart/form-data": DvcSerializer},
        responses={201: OpenApiResponse(OpenApiTypes.OBJECT, "Stored; to be mapped or checked.")},
    )
    @action(detail=False, methods=["post"], url_path="dvc")
    def dvc(self, request: Request) -> Response:
        """Take in the file that an entry of a DVC repository stands for."""
        form = DvcSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given, user = form.validated_data, cast("User", request.user)
        with storage.open_blob(given["file"].blob.name) as stream, open_archive(stream) as archive:
            version = import_repository(
                ZipRepository(archive), entry=given["entry"], user=user, team=current_team(user),
                solution=given["solution"], name=given["name"], mapping="auto",
            )  # fmt: skip
        body = self.version_body(version)  # type: ignore[attr-defined]
        place = reverse("api:dataset-version-detail", args=[version.pk], request=request)
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": place})
