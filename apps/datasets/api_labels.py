"""Boxes of pictures in the REST interface: read, save, freeze, take away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.reverse import reverse

from apps.datasets import labelling, labels
from apps.datasets.label_export import export_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import StreamingHttpResponse
    from rest_framework.request import Request

    from apps.accounts.models import User
    from apps.datasets.models import DatasetVersion
    from ml_core.data.schema import Column

MOST_SIDE = 1_000_000


class BoxSerializer(serializers.Serializer[Any]):
    """A rectangle in pixels of the upright picture, from its upper left corner."""

    label = serializers.RegexField(r"^[^\x00-\x1f]+$", max_length=100)  # type: ignore[assignment]  # a name of DRF's
    x = serializers.FloatField(min_value=-1, max_value=MOST_SIDE)
    y = serializers.FloatField(min_value=-1, max_value=MOST_SIDE)
    width = serializers.FloatField(min_value=0, max_value=MOST_SIDE)
    height = serializers.FloatField(min_value=0, max_value=MOST_SIDE)


class DrawnSerializer(serializers.Serializer[Any]):
    """What is drawn on a picture now."""

    boxes = BoxSerializer(many=True, allow_null=True, help_text="null: nobody has looked yet.")
    revision = serializers.IntegerField(help_text="0: as in the frozen table.")
    changed_by = serializers.CharField(allow_null=True)
    changed_at = serializers.DateTimeField(allow_null=True)


class SavedSerializer(serializers.Serializer[Any]):
    """All boxes of a picture, and the revision that they change."""

    boxes = BoxSerializer(many=True, help_text="[]: looked at, and there is nothing.")
    revision = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1,
        help_text="The one that GET told; another one since then is 409.",
    )  # fmt: skip


class LabelActions:
    """What a viewset of versions offers where boxes can be drawn."""

    @extend_schema(responses=DrawnSerializer)
    @action(detail=True, methods=["get"], url_path=r"rows/(?P<row>[0-9]{1,9})/boxes")
    def boxes(self, request: Request, pk: str, row: str) -> Response:
        """Tell the boxes of a picture."""
        version: DatasetVersion = self.get_object()  # type: ignore[attr-defined]
        column, values = _picture(version, int(row))
        return Response(labels.drawn_on(version, column, values).to_json())

    @extend_schema(request=SavedSerializer, responses=DrawnSerializer)
    @boxes.mapping.put
    def save_boxes(self, request: Request, pk: str, row: str) -> Response:
        """Save the boxes of a picture beside the frozen table."""
        version: DatasetVersion = self.get_object()  # type: ignore[attr-defined]
        column, values = _picture(version, int(row))
        told = request.data if isinstance(request.data, dict) else {}
        revision = serializers.IntegerField(min_value=0).run_validation(told.get("revision"))
        saved = labelling.save_boxes(
            version=version, column=column, row=values, boxes=told.get("boxes"),
            revision=revision, user=cast("User", request.user),
        )  # fmt: skip
        return Response(saved.to_json())

    @extend_schema(
        request=None,
        responses={201: OpenApiResponse(OpenApiTypes.OBJECT, "The new version.")},
    )
    @action(detail=True, methods=["post"])
    def freeze(self, request: Request, pk: str) -> Response:
        """Make a new version of the boxes as they are drawn now."""
        version = self.get_object()  # type: ignore[attr-defined]
        frozen = labelling.freeze(version=version, user=cast("User", request.user))
        body = self.get_serializer(frozen).data  # type: ignore[attr-defined]
        place = reverse("api:dataset-version-detail", args=[frozen.pk], request=request)
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": place})

    @extend_schema(
        parameters=[
            OpenApiParameter("form", enum=["yolo", "coco"], default="yolo"),
            OpenApiParameter("pictures", OpenApiTypes.BOOL, default=True),
        ],
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    @action(detail=True, methods=["get"])
    def export(self, request: Request, pk: str) -> StreamingHttpResponse:
        """Give pictures and boxes away as a ZIP."""
        version = self.get_object()  # type: ignore[attr-defined]
        form = request.query_params.get("form", "yolo")
        with_pictures = request.query_params.get("pictures", "1").lower() not in {"0", "false"}
        user = cast("User", request.user)
        return export_of(version, form, user, with_pictures=with_pictures)


def _picture(version: DatasetVersion, row: int) -> tuple[Column, Mapping[str, Any]]:
    column = labels.boxes_column(version)
    values = labels.row_of(version, row) if column else None
    if column is None or values is None:
        raise Http404
    return column, values
