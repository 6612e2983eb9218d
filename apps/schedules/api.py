"""Schedules in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apps.accounts.policies import require
from apps.datasets.models import Dataset
from apps.experiments.api import IDEMPOTENCY_KEY, token_of
from apps.experiments.services import LARGEST_SEED
from apps.schedules import services
from apps.schedules.models import Outcome, Policy, ScheduleRun, Trigger

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from rest_framework.request import Request

    from apps.accounts.models import TeamOwnedQuerySet


class PolicySerializer(serializers.ModelSerializer[Policy]):
    url = serializers.URLField(source="get_absolute_url", read_only=True)
    window = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    options = serializers.DictField(read_only=True)

    class Meta:
        model = Policy
        fields: ClassVar = [
            "id", "url", "name", "solution", "dataset", "trigger", "cron", "zone", "n_labels",
            "window", "options", "seed", "budget_min", "metric", "min_gain", "must_be_sure",
            "outcome", "is_paused", "deleted_at", "approved_at", "next_at", "n_new_labels",
            "counted_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class CreatePolicySerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    dataset = serializers.UUIDField()
    trigger = serializers.ChoiceField(Trigger.choices)
    cron = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    zone = serializers.CharField(max_length=64, required=False, default="UTC")
    n_labels = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False, default=0)
    window = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=10**10), required=False, default=dict
    )
    options = serializers.DictField(required=False, default=dict)
    seed = serializers.IntegerField(min_value=0, max_value=LARGEST_SEED, required=False, default=0)
    budget_min = serializers.IntegerField(
        min_value=1, max_value=services.LONGEST_BUDGET_MIN, required=False, default=60
    )
    metric = serializers.CharField(
        max_length=80, required=False, default="", allow_blank=True,
        help_text="A figure of the solution; empty for the one that decides.",
    )  # fmt: skip
    min_gain = serializers.FloatField(min_value=0, required=False, default=0.0)
    must_be_sure = serializers.BooleanField(required=False, default=False)
    outcome = serializers.ChoiceField(
        Outcome.choices, required=False, default=Outcome.CANDIDATE.value
    )


class ScheduleRunSerializer(serializers.ModelSerializer[ScheduleRun]):
    job_url = serializers.SerializerMethodField()
    gate = serializers.DictField(read_only=True)

    class Meta:
        model = ScheduleRun
        fields: ClassVar = [
            "id", "policy", "why", "scheduled_at", "state", "reason", "gate", "version",
            "training", "model", "job", "job_url", "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_job_url(self, run: ScheduleRun) -> str | None:
        return f"/api/v1/jobs/{run.job_id}/" if run.job_id else None


class ScheduleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Policy]):
    """Policies of retraining: when, on what, and what a challenger must show."""

    queryset = Policy.objects.none()
    serializer_class = PolicySerializer
    actions_needed: ClassVar = {
        "GET": "schedules.view",
        "create": "schedules.manage",
        "pause": "schedules.manage",
        "resume": "schedules.manage",
        "run": "schedules.manage",
        "partial_update": "schedules.manage",
        "destroy": "schedules.manage",
        "approve": "models.promote",
    }
    also_needed: ClassVar = dict.fromkeys(("create", "partial_update", "run"), "solutions.train")
    filterset_fields: ClassVar = ["solution", "dataset", "is_paused"]

    def get_queryset(self) -> TeamOwnedQuerySet:
        user: Any = self.request.user
        found = Policy.objects.visible_to(user).select_related("team", "dataset")
        return found.filter(deleted_at=None) if self.action == "list" else found

    @extend_schema(
        request=CreatePolicySerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: OpenApiResponse(PolicySerializer, "Made; `next_at` says when it is due.")},
    )
    def create(self, request: Request) -> Response:
        """Make a policy."""
        asked = CreatePolicySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user: Any = request.user
        said = dict(asked.validated_data)
        dataset = _dataset(said.pop("dataset"))
        require(user, "datasets.view", dataset)
        policy = services.create(user=user, dataset=dataset, token=token_of(request), **said)
        return Response(PolicySerializer(policy).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CreatePolicySerializer(partial=True), responses=PolicySerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is named; it acts for you from then on, and an approval ends."""
        asked = CreatePolicySerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        user: Any = request.user
        said = dict(asked.validated_data)
        if "dataset" in said:
            said["dataset"] = _dataset(said["dataset"])
        policy = services.change(user=user, policy=self.get_object(), **said)
        return Response(PolicySerializer(policy).data)

    @extend_schema(responses={204: OpenApiResponse(description="Deleted, or deleted before.")})
    def destroy(self, request: Request, pk: str) -> Response:
        """End a policy for good; what it did stays readable."""
        user: Any = request.user
        services.delete(user=user, policy=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=PolicySerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Let a policy rest."""
        return self._done(services.pause)

    @extend_schema(request=None, responses=PolicySerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Let a policy go on; what came due while it rested is not made up for."""
        return self._done(services.resume)

    @extend_schema(request=None, responses=PolicySerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Allow a policy to make models live by itself, as it stands now."""
        return self._done(services.approve)

    @extend_schema(
        request=None,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: OpenApiResponse(ScheduleRunSerializer, "Begun; follow `job_url`.")},
    )
    @action(detail=True, methods=["post"])
    def run(self, request: Request, pk: str) -> Response:
        """Run a policy now, whatever is due; needs `solutions.train`, too."""
        user: Any = request.user
        run = services.run_now(user=user, policy=self.get_object(), token=token_of(request))
        return Response(ScheduleRunSerializer(run).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=ScheduleRunSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], filterset_fields=[])
    def runs(self, request: Request, pk: str) -> Response:
        """List what became of each time that a policy was due, the newest first."""
        page = self.paginate_queryset(self.get_object().runs.all())
        return self.get_paginated_response(ScheduleRunSerializer(page, many=True).data)

    def _done(self, act: Callable[..., Policy]) -> Response:
        user: Any = self.request.user
        return Response(PolicySerializer(act(user=user, policy=self.get_object())).data)


def _dataset(key: uuid.UUID) -> Dataset:
    found: Dataset = get_object_or_404(Dataset.objects.select_related("team"), pk=key)
    return found


routes = [("schedules", ScheduleViewSet, "schedule")]
