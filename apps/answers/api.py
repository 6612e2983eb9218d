"""Single answers in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.shortcuts import get_object_or_404
from django.urls import include, path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.policies import require
from apps.accounts.services import current_team
from apps.answers import services
from apps.answers.many import MOST_FILE_BYTES
from apps.answers.models import Answer
from apps.answers.proof import proof_of_answer
from apps.catalog.services import solution as find_solution
from apps.experiments.api import IDEMPOTENCY_KEY, token_of
from apps.registry.api_proof import ProofSerializer
from apps.registry.models import ModelVersion
from apps.rest.parts import ObjectPart

if TYPE_CHECKING:
    from rest_framework.request import Request

    from apps.accounts.models import TeamOwnedQuerySet


class AnswerSerializer(serializers.ModelSerializer[Answer]):
    url = serializers.URLField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Answer
        fields: ClassVar = [
            "id", "url", "solution", "model", "thread", "inputs", "settings", "output", "report",
            "seconds", "subject", "correction", "reason", "label", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class AskSerializer(serializers.Serializer[Any]):
    row = ObjectPart(default=dict, help_text="Values by column, without the files.")
    settings = ObjectPart(default=dict, help_text="Settings of the solution.")
    model = serializers.UUIDField(
        required=False, help_text="Empty: the live one, else the newest candidate."
    )
    follows = serializers.UUIDField(
        required=False, help_text="An earlier answer, whose files are meant again."
    )

    def validate_row(self, row: dict[str, Any]) -> dict[str, Any]:
        return row_in(row)


def row_in(row: dict[str, Any]) -> dict[str, Any]:
    """Return values by column. Raises: ValidationError: if one of them is several."""
    for name, one in row.items():
        if isinstance(one, dict | list):
            message = f"Column {name[:100]} must be a text, a number or true or false. Send one."
            raise serializers.ValidationError(message)
    return row


class CorrectionSerializer(serializers.Serializer[Any]):
    correction = serializers.CharField(
        max_length=200, help_text="What it should be; the same again, if it was right."
    )
    reason = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True,
        help_text="Why; needed to override a verdict.",
    )  # fmt: skip


class AnswersView(APIView):
    """Ask a model about one row, and wait for the answer."""

    actions_needed: ClassVar = {"POST": "solutions.score"}
    parser_classes = (MultiPartParser, JSONParser)

    @extend_schema(
        request={"multipart/form-data": AskSerializer, "application/json": AskSerializer},
        parameters=[IDEMPOTENCY_KEY],
        responses={201: OpenApiResponse(AnswerSerializer, "The answer.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Ask; files come as parts that are named like their columns."""
        find_solution(slug)
        asked = AskSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        user: Any = request.user
        follows = found_or_none(Answer, user, "results.view", said.get("follows"))
        answer = services.ask(
            user=user,
            team=follows.team if follows is not None else current_team(user),
            solution=slug,
            row=said["row"],
            files=files_of(request),
            settings=said["settings"],
            model=found_or_none(ModelVersion, user, "models.view", said.get("model")),
            follows=follows,
            token=token_of(request),
        )
        return Response(AnswerSerializer(answer).data, status=status.HTTP_201_CREATED)


def files_of(request: Request, without: str = "") -> dict[str, tuple[str, bytes]]:
    """Return the files of a request by column: name and bytes."""
    files = {}
    for column, file in request.FILES.items():
        if column == without:
            continue
        if file.size > MOST_FILE_BYTES:
            most = MOST_FILE_BYTES // 2**20
            raise serializers.ValidationError({column: f"A file must be at most {most} MiB."})
        files[column] = (file.name, file.read())
    return files


def found_or_none(kind: Any, user: Any, needed: str, key: Any) -> Any:
    """Return what a key names, if one is told. Raises: Http404: if it cannot be seen."""
    if key is None:
        return None
    thing = get_object_or_404(kind, pk=key)
    require(user, needed, thing)
    return thing


class AnswerViewSet(ReadOnlyModelViewSet[Answer]):
    """Answers that were given."""

    queryset = Answer.objects.none()
    serializer_class = AnswerSerializer
    actions_needed: ClassVar = {"GET": "results.view", "correct": "answers.correct"}
    filterset_fields: ClassVar = ["solution", "model", "thread", "subject"]

    def get_queryset(self) -> TeamOwnedQuerySet:
        user: Any = self.request.user
        found = Answer.objects.visible_to(user)
        if self.action == "proof":
            return found.select_related("model", "created_by", "corrected_by")
        return found

    @extend_schema(responses=ProofSerializer)
    @action(detail=True, methods=["get"], filterset_fields=[])
    def proof(self, request: Request, pk: str) -> Response:
        """Return what an answer rests on: model, training, data, audit events."""
        user: Any = request.user
        return Response(ProofSerializer(proof_of_answer(self.get_object(), user)).data)

    @extend_schema(request=CorrectionSerializer, responses=AnswerSerializer)
    @action(detail=True, methods=["post"])
    def correct(self, request: Request, pk: str) -> Response:
        """Say what the answer should have been."""
        answer = self.get_object()
        said = CorrectionSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        user: Any = request.user
        answer = services.correct(user=user, answer=answer, **said.validated_data)
        return Response(AnswerSerializer(answer).data)


routes = [("answers", AnswerViewSet, "answer")]
urlpatterns = [
    path("solutions/<slug:slug>/answers/", AnswersView.as_view(), name="answers"),
    path("", include("apps.answers.api_many")),
]
