"""Many answers in one request, and labels as a dataset, in the REST interface."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import path
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.services import current_team
from apps.answers.api import AnswerSerializer, AskSerializer, files_of, found_or_none, row_in
from apps.answers.forms import MOST_TOGETHER_BYTES
from apps.answers.gathering import start_gathering
from apps.answers.many import MOST_ASKED, Asked, Conversation, Outcome, ask_each, unpacked
from apps.answers.models import Answer
from apps.answers.services import count_labels_since
from apps.catalog.services import solution as find_solution
from apps.experiments.api import IDEMPOTENCY_KEY, token_of
from apps.registry.models import ModelVersion
from apps.rest.idempotency import UnfinishedResponse
from apps.rest.parts import JsonPart
from ml_core.data.labels.read import has_pictures, image_column
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from datetime import datetime

    from rest_framework.request import Request


class AskManySerializer(AskSerializer):
    """Rows, each asked of each picture; the files are parts named like their column."""

    rows = JsonPart(
        required=False, help_text="A list of values by column; each is asked of each picture."
    )

    def validate_rows(self, value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise serializers.ValidationError("It must be a list of objects.")
        return [row_in(row) for row in value]


class OutcomeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="Name of the file.")
    row = serializers.DictField()
    answer = AnswerSerializer(allow_null=True)
    problem = serializers.CharField(allow_blank=True, help_text="Why there is no answer.")


class ManySerializer(serializers.Serializer[Any]):
    thread = serializers.UUIDField()
    n_answered = serializers.IntegerField()
    results = OutcomeSerializer(many=True)


class ManyAnswersView(APIView):
    """Ask about several rows or pictures, and wait for all answers."""

    actions_needed: ClassVar = {"POST": "solutions.score"}
    parser_classes = (MultiPartParser, JSONParser)

    @extend_schema(
        request={"multipart/form-data": AskManySerializer, "application/json": AskManySerializer},
        parameters=[IDEMPOTENCY_KEY],
        responses={
            200: OpenApiResponse(ManySerializer, "An answer or a problem for each."),
            503: OpenApiResponse(
                description="No model answers, and nothing was answered. Send it again."
            ),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Ask each row about each picture: at most 50 answers; what fails stops no other.

        Where models stop answering half-way, what was answered is told and stays, and the same
        `Idempotency-Key` asks for the rest.
        """
        find_solution(slug)
        asked = AskManySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        user: Any = request.user
        follows = found_or_none(Answer, user, "results.view", said.get("follows"))
        conversation = Conversation(
            user=user,
            team=follows.team if follows is not None else current_team(user),
            solution=slug,
            thread=follows.thread if follows is not None else uuid.uuid4(),
            settings=said["settings"],
            model=found_or_none(ModelVersion, user, "models.view", said.get("model")),
            follows=follows,
            token=token_of(request),
        )
        rows = said.get("rows") or [said["row"]]
        asked_each = _pairs(request, slug, rows)
        outcomes = list(ask_each(asked_each, conversation))
        gone = next((o.error for o in outcomes if o.is_over), None)
        told = _told(asked_each, outcomes, conversation)
        if gone is None:
            return Response(told)
        if not told["n_answered"]:
            raise gone
        return UnfinishedResponse(told)


def _pairs(request: Request, slug: str, rows: list[dict[str, Any]]) -> list[Asked]:
    """Return each row with each picture. Raises: DataError: if they are too many to wait for."""
    schema = find_solution(slug).inputs()
    pictures: list[Any] = [None]
    column = image_column(schema).name if has_pictures(schema) else ""
    sent = request.FILES.getlist(column) if column else []
    if sum(file.size for file in sent) > MOST_TOGETHER_BYTES:
        message = f"Files together must be at most {MOST_TOGETHER_BYTES // 2**20} MiB. Send less."
        raise DataError(Issue("too_large", message, column=column))
    if sent:
        pictures = unpacked([(file.name, file.read()) for file in sent])
    if len(pictures) * len(rows) > MOST_ASKED:
        message = (
            f"Answers at once must be at most {MOST_ASKED}. Got {len(pictures) * len(rows):,}. "
            "Send a table of questions, or score a dataset."
        )
        raise DataError(Issue("too_many", message))
    others = files_of(request, without=column)
    return [
        Asked(picture[0] if picture else "", row, others | ({column: picture} if picture else {}))
        for picture in pictures
        for row in rows
    ]


def _told(asked: list[Asked], outcomes: list[Outcome], said: Conversation) -> dict[str, Any]:
    results: list[dict[str, Any]] = [
        {
            "name": outcome.name,
            "row": dict(one.row),
            "answer": AnswerSerializer(outcome.answer).data if outcome.answer else None,
            "problem": outcome.problem,
        }
        for one, outcome in zip(asked, outcomes, strict=True)
    ]
    answered = [one["answer"] for one in results if one["answer"]]
    thread = answered[0]["thread"] if answered else str(said.thread)
    return {"thread": thread, "n_answered": len(answered), "results": results}


class LabelsSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()


class LabelsView(APIView):
    """Labels that people gave to answers."""

    actions_needed: ClassVar = {"GET": "results.view", "POST": "datasets.upload"}
    parser_classes = (JSONParser,)

    @extend_schema(
        parameters=[OpenApiParameter("since", OpenApiTypes.DATETIME)], responses=LabelsSerializer
    )
    def get(self, request: Request, slug: str) -> Response:
        """Count the labels of your team, after a moment if one is named."""
        find_solution(slug)
        user: Any = request.user
        since = _moment(request.query_params.get("since", ""))
        count = count_labels_since(solution=slug, team=current_team(user), since=since)
        return Response({"count": count})

    @extend_schema(
        request=None,
        responses={202: OpenApiResponse(OpenApiTypes.OBJECT, "Started; follow `job_url`.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Make a dataset version of them; `since` in the address keeps to the newer ones."""
        find_solution(slug)
        user: Any = request.user
        since = _moment(request.query_params.get("since", ""))
        job = start_gathering(user=user, team=current_team(user), solution=slug, since=since)
        answer = {"job": str(job.pk), "job_url": f"/api/v1/jobs/{job.pk}/"}
        return Response(answer, status=status.HTTP_202_ACCEPTED)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        message = f"since must be a moment such as 2026-01-31T12:00:00Z. Got {text[:40]!r}."
        raise serializers.ValidationError({"since": [message]})
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


urlpatterns = [
    path("solutions/<slug:slug>/answers/many/", ManyAnswersView.as_view(), name="answers-many"),
    path("solutions/<slug:slug>/labels/", LabelsView.as_view(), name="labels"),
]
