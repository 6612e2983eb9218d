"""Jobs in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.jobs import services
from apps.jobs.models import Job, JobEvent
from ml_core.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

    from apps.accounts.models import User
    from apps.jobs.models import JobQuerySet


class ConflictError(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class JobEventSerializer(serializers.ModelSerializer[JobEvent]):
    class Meta:
        model = JobEvent
        fields: ClassVar = ["at", "level", "message"]


class JobSerializer(serializers.ModelSerializer[Job]):
    url = serializers.URLField(source="get_absolute_url", read_only=True)
    percent = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = Job
        fields: ClassVar = [
            "id", "url", "kind", "title", "solution", "queue", "state", "percent", "stage",
            "done", "total", "note", "rate", "eta_s", "attempt", "max_attempts", "cancel_requested",
            "error", "result_url", "stages", "peak_memory_mb", "created_at", "started_at",
            "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class JobDetailSerializer(JobSerializer):
    log = JobEventSerializer(source="events", many=True, read_only=True)

    class Meta(JobSerializer.Meta):
        fields: ClassVar = [*JobSerializer.Meta.fields, "log"]
        read_only_fields = fields


class JobViewSet(ReadOnlyModelViewSet[Job]):
    """Work in the background: where it is, and how it ended."""

    queryset = Job.objects.none()
    actions_needed: ClassVar = {"GET": "jobs.view", "cancel": "jobs.cancel", "retry": "jobs.retry"}
    filterset_fields: ClassVar = ["state", "kind", "solution", "queue"]

    def get_queryset(self) -> JobQuerySet:
        user: Any = self.request.user
        jobs: JobQuerySet = Job.objects.visible_to(user)
        return jobs

    def get_serializer_class(self) -> type[JobSerializer]:
        return JobSerializer if self.action == "list" else JobDetailSerializer

    @extend_schema(request=None, responses=JobDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop the job: at once while it waits, at its next step while it runs."""
        return self._act(services.cancel)

    @extend_schema(request=None, responses=JobDetailSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Put a failed or cancelled job back into its queue.

        Needs the right to begin such a job, too: a training needs `solutions.train`.
        """
        return self._act(services.retry)

    def _act(self, act: Callable[[Job, User], Job]) -> Response:
        user: Any = self.request.user
        try:
            job = act(self.get_object(), user)
        except JobError as error:
            raise ConflictError(str(error)) from error
        return Response(self.get_serializer(job).data)


routes = [("jobs", JobViewSet, "job")]
