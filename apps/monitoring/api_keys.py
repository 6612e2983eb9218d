"""Keys of the stored files for programs: what is under which, and rotating them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.jobs.api import JobSerializer
from apps.monitoring import encryption, jobs, readings
from apps.monitoring.models import Kind

if TYPE_CHECKING:
    from rest_framework.request import Request

    from apps.accounts.models import User


class KeyUseSerializer(serializers.Serializer[Any]):
    key_id = serializers.CharField(help_text="A hash of the key, or its name in the key service.")
    where = serializers.CharField(help_text="The setting that it comes from; empty if unknown.")
    is_current = serializers.BooleanField()
    is_free = serializers.BooleanField(help_text="Nothing needs it any more.")
    n_files = serializers.IntegerField()
    n_bytes = serializers.IntegerField()
    n_secrets = serializers.IntegerField(help_text="Signatures and second factors.")


class EncryptionSerializer(serializers.Serializer[Any]):
    counted_at = serializers.DateTimeField(allow_null=True)
    n_unreadable = serializers.IntegerField(help_text="Things that no known key opens.")
    keys = KeyUseSerializer(many=True)


class RotateSerializer(serializers.Serializer[Any]):
    new_key = serializers.BooleanField(
        default=False, help_text="Make a new key first; only where there is a file of keys."
    )
    whole = serializers.BooleanField(
        default=False,
        help_text="Encrypt whole files anew with keys of their own, not their headers alone.",
    )


class EncryptionView(APIView):
    """Keys of the stored files."""

    actions_needed: ClassVar = {"GET": "monitoring.view", "POST": "encryption.rotate"}

    @extend_schema(operation_id="encryption_retrieve", responses=EncryptionSerializer)
    def get(self, request: Request) -> Response:
        """Say what each key protects, as last counted."""
        reading = readings.newest(Kind.KEYS)
        found = {
            "counted_at": reading.at if reading else None,
            "n_unreadable": encryption.unreadable(reading),
            "keys": encryption.uses(reading),
        }
        return Response(EncryptionSerializer(found).data)

    @extend_schema(
        operation_id="encryption_rotate",
        request=RotateSerializer,
        responses={202: OpenApiResponse(JobSerializer, "Started, or waiting already.")},
    )
    def post(self, request: Request) -> Response:
        """Bring all files, signatures and second factors under the current key."""
        asked = RotateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        job = jobs.start(
            cast("User", request.user),
            is_whole=asked.validated_data["whole"],
            is_new=asked.validated_data["new_key"],
        )
        return Response(JobSerializer(job).data, status=status.HTTP_202_ACCEPTED)
