"""What a stranger may ask: each question is answered, or refused with its reason."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.answers.models import Answer
from tests.apps.datasets.hostile import GOOD, SVG, huge_png, jpeg, turned

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def models(models, question_model):
    return question_model


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
