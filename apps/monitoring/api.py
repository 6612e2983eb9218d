"""Health for programs, and figures for Prometheus."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.authentication import ApiKeyAuthentication
from apps.accounts.models import Role, User
from apps.monitoring.api_keys import EncryptionView
from apps.monitoring.health import health
from apps.monitoring.metrics import exposition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rest_framework.parsers import BaseParser
    from rest_framework.renderers import BaseRenderer
    from rest_framework.request import Request


class HealthCheckSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    is_good = serializers.BooleanField()
    words = serializers.CharField()


class QueueSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    is_served = serializers.BooleanField()
    n_waiting = serializers.IntegerField()
    n_running = serializers.IntegerField()
    oldest_s = serializers.FloatField()


class ProcessSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.CharField()
    is_alive = serializers.BooleanField()
    queues = serializers.ListField(child=serializers.CharField())
    memory_mb = serializers.FloatField()
    started_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()


class DiskSerializer(serializers.Serializer[Any]):
    state = serializers.CharField()
    total = serializers.IntegerField()
    free = serializers.IntegerField()


class HealthSerializer(serializers.Serializer[Any]):
    state = serializers.CharField(help_text="good, warning, or bad where the product cannot work.")
    warnings = serializers.ListField(child=serializers.CharField())
    checks = HealthCheckSerializer(many=True)
    queues = QueueSerializer(many=True)
    processes = ProcessSerializer(many=True)
    disk = DiskSerializer()
    versions = serializers.SerializerMethodField()

    def get_versions(self, found: Any) -> dict[str, str]:
        return dict(found.versions)


class HealthView(APIView):
    """The state of the installation."""

    actions_needed: ClassVar = {"GET": "monitoring.view"}

    @extend_schema(responses=HealthSerializer)
    def get(self, request: Request) -> Response:
        """Look at everything, now."""
        return Response(HealthSerializer(health()).data)


class MetricsToken(BaseAuthentication):
    """Know a scraper by the token of the installation; it may read figures, and nothing else."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        known = settings.ASSAY_METRICS_TOKEN.encode()
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not known or scheme.lower() != "bearer":
            return None
        if not hmac.compare_digest(token.strip().encode(), known):
            return None
        scraper = User(email="scraper", role=Role.ADMIN)  # in no table
        scraper.key_scopes = frozenset({"monitoring.view"})
        return scraper, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="metrics"'


class AnyAccept(BaseContentNegotiation):
    """Leave the choice of a format to the library that writes it."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type


class MetricsView(APIView):
    """Figures in the text format of Prometheus."""

    authentication_classes = (MetricsToken, ApiKeyAuthentication)
    content_negotiation_class = AnyAccept
    throttle_classes = ()
    actions_needed: ClassVar = {"GET": "monitoring.view"}

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Return all figures; needs the token, or a key with the scope monitoring.view."""
        figures, content_type = exposition(request.headers.get("Accept", ""))
        return HttpResponse(figures, content_type=content_type)


urlpatterns = [
    path("monitoring/health/", HealthView.as_view(), name="health"),
    path("monitoring/encryption/", EncryptionView.as_view(), name="encryption"),
]
