"""What a stranger may ask: each question is answered, or refused with its reason."""

from __future__ import annotations

import json
import threading

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.answers.models import Answer
from apps.answers.server import ModelServer
from apps.datasets.models import Dataset, DatasetVersion
from apps.experiments.models import TrainingRun
from apps.jobs.models import State
from apps.registry.services import register
from tests.apps.datasets.hostile import GOOD, SVG, huge_png, jpeg, turned

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def question_solution(settings):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.question_solution"]


@pytest.fixture
def models(settings, tmp_path, people):
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "models.sock")
    server = ModelServer(tmp_path / "models.sock")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield _question_model(people, tmp_path)
    server.shutdown()
    thread.join()
    server.server_close()


def _question_model(people, tmp_path):
    dataset = Dataset.objects.create(name="Q", solution="question", team=people.team)
    version = DatasetVersion.objects.create(
        dataset=dataset, team=people.team, number=1, state="ready", filename="q.zip",
        format="pictures", sha256="0" * 64, source_blob="x", n_rows=1,
    )  # fmt: skip
    run = TrainingRun.objects.create(
        team=people.team, created_by=people.alice, solution="question", dataset_version=version,
        options={}, state=State.SUCCEEDED, token="q", data_sha256="0" * 64, code_version="1",
    )  # fmt: skip
    bundle = tmp_path / "question-bundle"
    bundle.mkdir()
    (bundle / "model.json").write_text('{"least": 255}', "utf-8")
    card = '{"licence": "AGPL-3.0-or-later", "limits": ["None."], "data_origin": "None."}'
    (bundle / "card.json").write_text(card, "utf-8")
    return register(run, bundle, {"accuracy": 1.0})


QUESTIONS = {
    "10,000 letters": "wh" * 5_000,
    "emoji": "How many \U0001f468\u200d\U0001f469\u200d\U0001f467 and \U0001f6d1?",
    "other scripts": "图中有几个圆? كم دائرة؟ сколько кругов?",
    "markup": "<script>alert(1)</script>{{ 7919*7919 }}",
    "formula": "=1+1",
}


@pytest.mark.parametrize("case", QUESTIONS)
def test_a_strange_question_is_answered_or_refused_and_shown_as_text(case, models, login, alice):
    question = QUESTIONS[case]
    form = {"question": question, "picture": SimpleUploadedFile("a.png", GOOD)}

    answer = login(alice).post("/solutions/question/ask/", form, follow=True)

    page = answer.content.decode()
    assert "<script>alert" not in page
    if answer.status_code == 200 and Answer.objects.exists():
        kept = Answer.objects.get()
        assert kept.inputs["question"] == question
        assert kept.output["label"].startswith(question)
        assert "62710561" not in page
    else:
        assert answer.status_code in {200, 422}
        assert "at most" in page


@pytest.mark.parametrize("question", ["", "   ", None])
def test_an_empty_question_is_refused_with_its_reason(question, models, api, alice):
    row = {} if question is None else {"question": question}
    sent = {"row": json.dumps(row), "picture": SimpleUploadedFile("a.png", GOOD)}

    answer = api(alice).post("/api/v1/solutions/question/answers/", sent, format="multipart")

    assert answer.status_code == 422, answer.content
    assert answer.json()["issues"][0]["column"] == "question"
    assert not Answer.objects.exists()


@pytest.mark.parametrize("case", ["huge", "cut", "script", "nothing", "turned"])
def test_a_hostile_picture_beside_a_question_is_told(case, models, api, alice):
    data = {"huge": huge_png(), "cut": jpeg()[:600], "script": SVG, "nothing": b"",
            "turned": turned()}[case]  # fmt: skip
    sent = {"row": '{"question": "?"}', "picture": SimpleUploadedFile("a.png", data)}

    answer = api(alice).post("/api/v1/solutions/question/answers/", sent, format="multipart")

    if case == "turned":
        assert answer.json()["output"]["score"] == 20.0
    else:
        assert answer.status_code in {400, 422}, answer.content
        assert answer["Content-Type"] == "application/problem+json"
