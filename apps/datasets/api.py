"""Datasets in the REST interface."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet, ReadOnlyModelViewSet

from apps.accounts.policies import require
from apps.accounts.services import current_team
from apps.catalog.services import registry
from apps.datasets import services, storage
from apps.datasets.api_compare import CompareActions
from apps.datasets.api_dvc import DvcExport, DvcImport
from apps.datasets.api_findings import FindingActions
from apps.datasets.api_labels import LabelActions
from apps.datasets.api_quarantine import QuarantineActions
from apps.datasets.exports import csv_pieces
from apps.datasets.jobs import ISSUE_COLUMNS
from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.uploads import EncryptingUploadHandler, StoredUpload

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from apps.accounts.models import User


class VersionSerializer(serializers.ModelSerializer[DatasetVersion]):
    url = serializers.URLField(source="get_absolute_url", read_only=True)
    job_url = serializers.SerializerMethodField()
    dataset_name = serializers.CharField(source="dataset.name", read_only=True)
    solution = serializers.CharField(source="dataset.solution", read_only=True)

    class Meta:
        model = DatasetVersion
        fields: ClassVar = [
            "id", "url", "dataset", "dataset_name", "solution", "number", "state", "filename",
            "format", "parent", "size_bytes", "sha256", "n_rows", "n_issues", "time_min",
            "time_max", "job", "job_url", "created_at", "origin", "content_sha256", "n_aside",
        ]  # fmt: skip
        read_only_fields = fields

    def get_job_url(self, version: DatasetVersion) -> str | None:
        if version.job_id is None:
            return None
        return reverse("api:job-detail", args=[version.job_id], request=self.context.get("request"))


class VersionDetailSerializer(VersionSerializer):
    ignored = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta(VersionSerializer.Meta):
        fields: ClassVar = [
            *VersionSerializer.Meta.fields, "columns", "mapping", "ignored", "report", "issues",
            "error",
        ]  # fmt: skip
        read_only_fields = fields


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    url = serializers.URLField(source="get_absolute_url", read_only=True)
    newest_number = serializers.IntegerField(read_only=True, allow_null=True)
    newest_state = serializers.CharField(read_only=True, allow_null=True)
    newest_rows = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = Dataset
        fields: ClassVar = [
            "id", "url", "name", "solution", "created_at", "newest_number", "newest_state",
            "newest_rows",
        ]  # fmt: skip
        read_only_fields = fields


class UploadSerializer(serializers.Serializer[Any]):
    """A file with what it is for."""

    file = serializers.FileField(
        allow_empty_file=True, max_length=255, help_text="CSV in UTF-8, or Parquet."
    )
    solution = serializers.CharField(
        required=False, help_text="Slug of the solution; needed unless `dataset` is given."
    )
    name = serializers.CharField(required=False, max_length=120, help_text="Name of a new dataset.")
    dataset = serializers.UUIDField(
        required=False, help_text="Add a version to this dataset instead of making a new one."
    )
    mapping = serializers.CharField(
        required=False, default="auto",
        help_text='"auto": check at once if the columns leave no question, else wait for PUT '
        "mapping. Or a JSON object: schema name -> column of the file.",
    )  # fmt: skip

    def validate_mapping(self, text: str) -> services.Mapped:
        if text == "auto":
            return "auto"
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not _is_mapping(found):
            raise serializers.ValidationError(
                'mapping must be "auto" or a JSON object of texts, such as {"amount": "TX_AMOUNT"}.'
            )
        return cast("dict[str, str]", found)

    def validate_file(self, file: Any) -> StoredUpload:
        if not isinstance(file, StoredUpload):
            raise serializers.ValidationError("file must be sent as multipart/form-data.")
        return file

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        slug = attrs.get("solution")
        if "dataset" not in attrs and slug not in registry():
            known = ", ".join(registry().solutions) or "none"
            raise serializers.ValidationError(
                {"solution": f"solution must be one of {known}. Got {slug!r}."}
            )
        return attrs


def _is_mapping(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(value, str) for value in found.values())


MAPPING = inline_serializer(
    "Mapping", {"mapping": serializers.DictField(child=serializers.CharField(allow_blank=True))}
)


class DatasetViewSet(
    DvcImport, mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin,
    GenericViewSet[Dataset],
):  # fmt: skip
    """Tables for solutions: upload, list, delete."""

    queryset = Dataset.objects.none()
    serializer_class = DatasetSerializer
    parser_classes = (MultiPartParser,)
    actions_needed: ClassVar = {
        "GET": "datasets.view", "POST": "datasets.upload", "DELETE": "datasets.delete",
    }  # fmt: skip
    filterset_fields: ClassVar = ["solution", "name"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # Before anything reads the body: files go straight into encrypted storage.
        self._handler = EncryptingUploadHandler(request)
        request.upload_handlers = [self._handler]
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            self._handler.discard()

    def get_queryset(self) -> QuerySet[Dataset]:
        return Dataset.objects.visible_to(cast("User", self.request.user)).with_newest()

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={
            201: OpenApiResponse(
                VersionDetailSerializer, "Stored; its mapping is to be confirmed."
            ),
            202: OpenApiResponse(VersionDetailSerializer, "Stored; a job checks it."),
        },
    )
    def create(self, request: Request) -> Response:
        """Upload a file as a new dataset, or as a new version of one."""
        form = UploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        user = cast("User", request.user)
        dataset = self._given_dataset(given)
        file: StoredUpload = given["file"]
        version = services.adopt(
            file.blob,
            user=user,
            team=dataset.team if dataset else current_team(user),
            solution=dataset.solution if dataset else given["solution"],
            name=given.get("name") or (file.name or "Dataset").rpartition(".")[0] or "Dataset",
            filename=file.name or "file",
            dataset=dataset,
            mapping=given["mapping"],
        )
        self._handler.keep(file)
        started = version.job_id is not None
        body = self.version_body(version)
        code = status.HTTP_202_ACCEPTED if started else status.HTTP_201_CREATED
        place = reverse("api:dataset-version-detail", args=[version.pk], request=request)
        return Response(body, status=code, headers={"Location": place})

    def version_body(self, version: DatasetVersion) -> Any:
        """Return a version as programs read it."""
        return VersionDetailSerializer(version, context=self.get_serializer_context()).data

    def _given_dataset(self, given: dict[str, Any]) -> Dataset | None:
        if "dataset" not in given:
            return None
        dataset: Dataset = get_object_or_404(Dataset, pk=given["dataset"])
        require(self.request.user, "datasets.upload", dataset)
        return dataset

    def perform_destroy(self, instance: Dataset) -> None:
        services.delete(instance, cast("User", self.request.user))


class DatasetVersionViewSet(
    FindingActions, QuarantineActions, CompareActions, DvcExport, LabelActions,
    ReadOnlyModelViewSet[DatasetVersion],
):  # fmt: skip
    """One file each, with its check and its quality."""

    queryset = DatasetVersion.objects.none()
    parser_classes = (JSONParser,)
    actions_needed: ClassVar = {
        "GET": "datasets.view", "mapping": "datasets.upload", "freeze": "datasets.label",
        "export": "results.download", "save_boxes": "datasets.label",
        "inspect": "datasets.upload", "quarantine": "datasets.upload",
        "start_comparison": "datasets.upload", "aside_file": "results.download",
        "dvc": "results.download",
    }  # fmt: skip
    filterset_fields: ClassVar = ["dataset", "state"]

    def get_queryset(self) -> QuerySet[DatasetVersion]:
        rows = DatasetVersion.objects.visible_to(cast("User", self.request.user))
        rows = rows.select_related("dataset")
        return rows.light() if self.action == "list" else rows

    def get_serializer_class(self) -> type[VersionSerializer]:
        return VersionSerializer if self.action == "list" else VersionDetailSerializer

    @extend_schema(request=MAPPING, responses={202: VersionDetailSerializer})
    @action(detail=True, methods=["put"])
    def mapping(self, request: Request, pk: str) -> Response:
        """Say which column means what, and start the check."""
        version = self.get_object()
        chosen = request.data.get("mapping") if isinstance(request.data, dict) else None
        if not _is_mapping(chosen):
            raise serializers.ValidationError(
                {"mapping": 'mapping must be an object of texts, such as {"amount": "TX_AMOUNT"}.'}
            )
        services.confirm_mapping(
            version, cast("dict[str, str]", chosen), cast("User", request.user)
        )
        version.refresh_from_db()
        return Response(self.get_serializer(version).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        responses=inline_serializer(
            "Issues",
            {
                "n_issues": serializers.IntegerField(),
                "issues": serializers.ListField(child=serializers.DictField()),
                "download": serializers.URLField(),
            },
        )
    )
    @action(detail=True, methods=["get"])
    def issues(self, request: Request, pk: str) -> Response:
        """Tell the first hundred reasons, and where all of them are."""
        version = self.get_object()
        place = reverse("api:dataset-version-issues-file", args=[version.pk], request=request)
        return Response({"n_issues": version.n_issues, "issues": version.issues, "download": place})

    @extend_schema(
        operation_id="dataset_versions_issues_download",
        responses={(200, "text/csv"): OpenApiTypes.BINARY},
    )
    def issues_file(self, request: Request, pk: UUID) -> HttpResponseBase:
        """Return all reasons as a CSV, a line each; none but the header where there are none."""
        version = self.get_object()
        none = io.BytesIO(b"".join(csv_pieces(ISSUE_COLUMNS, ())))
        return FileResponse(
            storage.open_blob(version.issues_blob) if version.issues_blob else none,
            as_attachment=True, filename=f"issues-{version.pk}.csv",
            content_type="text/csv; charset=utf-8",
        )  # fmt: skip


routes = [
    ("datasets", DatasetViewSet, "dataset"),
    ("dataset-versions", DatasetVersionViewSet, "dataset-version"),
]
urlpatterns = [
    # A router would put a slash after the name of the file.
    path(
        "dataset-versions/<uuid:pk>/issues.csv",
        DatasetVersionViewSet.as_view({"get": "issues_file"}, basename="dataset-version"),
        name="dataset-version-issues-file",
    ),
    path(
        "dataset-versions/<uuid:pk>/put-aside.csv",
        DatasetVersionViewSet.as_view({"get": "aside_file"}, basename="dataset-version"),
        name="dataset-version-aside-file",
    ),
]
