"""Tables of questions in the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.services import current_team
from apps.catalog.services import solution as find_solution
from apps.datasets.uploads import EncryptingUploadHandler, StoredUpload
from apps.experiments.api import IDEMPOTENCY_KEY, token_of
from apps.inference import tables
from apps.inference.api import PredictionSerializer, PredictionViewSet, model_for
from apps.inference.views_tables import table_file
from apps.rest.parts import ObjectPart, json_in

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request


class TableSerializer(serializers.Serializer[Any]):
    """Pictures, and what to ask about each of them."""

    file = serializers.FileField(
        max_length=255, help_text="A ZIP of pictures, or one picture; labels in it are not read."
    )
    questions = serializers.CharField(
        help_text="One a line, or a JSON list of texts.", max_length=2_000_000
    )
    name = serializers.CharField(required=False, max_length=120, default="")
    settings = ObjectPart(required=False, default=dict, help_text="Settings of the solution.")
    model = serializers.UUIDField(
        required=False, help_text="Empty: the live one, else the newest candidate."
    )

    def validate_file(self, file: Any) -> StoredUpload:
        if not isinstance(file, StoredUpload):
            raise serializers.ValidationError("file must be sent as multipart/form-data.")
        return file

    def validate_questions(self, text: str) -> list[str]:
        if not text.lstrip().startswith("["):
            return tables.questions_in(text)
        read = json_in(text)
        if not isinstance(read, list) or not all(isinstance(one, str) for one in read):
            raise serializers.ValidationError("It must be a JSON list of texts, or plain lines.")
        return tables.questions_in("\n".join(" ".join(one.split()) for one in read))


class TablesView(APIView):
    """Ask every question about every picture of a folder."""

    actions_needed: ClassVar = {"POST": "solutions.score"}
    parser_classes = (MultiPartParser,)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # Before anything reads the body: files go straight into encrypted storage.
        handler = EncryptingUploadHandler(request)
        request.upload_handlers = [handler]
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            handler.discard()

    @extend_schema(
        request={"multipart/form-data": TableSerializer},
        parameters=[IDEMPOTENCY_KEY],
        responses={202: OpenApiResponse(PredictionSerializer, "Started; follow `job_url`.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Start; it runs as a job, and its result is read as any prediction."""
        tables.asked_columns(find_solution(slug).inputs())
        asked = TableSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        user: Any = request.user
        prediction = tables.start_table(
            user=user, team=current_team(user), solution=slug, blob=said["file"].blob,
            filename=said["file"].name or "pictures.zip", questions=said["questions"],
            name=said["name"], model=model_for(user, said.get("model")),
            settings=said["settings"], token=token_of(request),
        )  # fmt: skip
        headers = {"Location": f"/api/v1/predictions/{prediction.pk}/"}
        body = PredictionSerializer(prediction).data
        return Response(body, status=status.HTTP_202_ACCEPTED, headers=headers)


class TableOfPrediction(PredictionViewSet):
    """Answers by picture and question."""

    def table(self, request: Request, pk: str, form: str) -> Any:
        """Return a line for each picture and a column for each question, "csv" or "parquet"."""
        user: Any = request.user
        return table_file(user, self._ready(), form)


urlpatterns = [
    path("solutions/<slug:slug>/tables/", TablesView.as_view(), name="tables"),
    path(
        "predictions/<uuid:pk>/table.<str:form>",
        TableOfPrediction.as_view({"get": "table"}),
        name="prediction-table",
    ),
]
