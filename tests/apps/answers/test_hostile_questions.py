"""What a stranger may ask: each question is answered, or refused with its reason."""

from __future__ import annotations

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.answers.models import Answer
from apps.datasets import storage
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


ROWS = {
    "beyond all bounds": '{"question": 1e999}',
    "not a number": '{"question": NaN}',
    "NUL": '{"question": "a\\u0000b"}',
    "half a character": '{"question": "a\\ud800b"}',
    "a list": '{"question": ["a"]}',
    "an object": '{"question": {"a": 1}}',
    "deep": f'{{"question": "?", "x": {"[" * 100_000}{"]" * 100_000}}}',
    "a long number": f'{{"question": {"9" * 5_000}}}',
}


@pytest.mark.parametrize("case", ROWS)
@pytest.mark.parametrize("way", ["row", "rows"])
def test_a_row_that_nobody_can_keep_is_refused_with_its_reason(way, case, models, api, alice):
    text = ROWS[case] if way == "row" else f"[{ROWS[case]}]"
    many = "" if way == "row" else "many/"
    sent = {way: text, "picture": SimpleUploadedFile("a.png", GOOD)}

    answer = api(alice).post(f"/api/v1/solutions/question/answers/{many}", sent, format="multipart")

    assert answer.status_code == 400, answer.content
    assert list(answer.json()["fields"]) == [way]
    assert not Answer.objects.exists()


def test_a_thread_whose_picture_is_gone_asks_for_it_again(models, login, api, alice):
    browser = login(alice)
    browser.post(
        "/solutions/question/ask/",
        {"question": "?", "picture": SimpleUploadedFile("a.png", GOOD)},
    )
    first = Answer.objects.get()
    storage.delete(first.files["picture"]["blob"])

    shown = browser.get(f"/answers/{first.pk}/files/picture")
    page = browser.post(f"/solutions/question/ask/?thread={first.thread}", {"question": "!"})
    told = api(alice).post(
        "/api/v1/solutions/question/answers/",
        {"row": '{"question": "!"}', "follows": str(first.pk)},
        format="multipart",
    )

    assert shown.status_code == 404
    assert page.status_code == 422
    assert "This one is gone. Choose it again." in page.content.decode()
    assert told.json()["issues"][0]["column"] == "picture"
    assert browser.get(f"/answers/{first.pk}/").status_code == 200


def test_two_tabs_of_one_thread_each_mean_the_picture_that_they_show(models, login, alice):
    browser, ask = login(alice), "/solutions/question/ask/"
    browser.post(ask, {"question": "?", "picture": SimpleUploadedFile("a.png", GOOD)})
    first = Answer.objects.get()
    thread = f"{ask}?thread={first.thread}"
    page = browser.get(thread).content.decode()
    [shown] = re.findall(r'name="follows" value="([^"]+)"', page)
    browser.post(thread, {"question": "?", "picture": SimpleUploadedFile("b.png", turned())})

    browser.post(thread, {"question": "!", "follows": shown})
    browser.post(thread, {"question": "!!", "follows": "no answer"})

    pictures = {
        one.inputs["question"]: one.files["picture"]["name"] for one in Answer.objects.all()
    }
    assert shown == str(first.pk)
    assert pictures["!"] == "picture/a.png"
    assert pictures["!!"] == "picture/a.png"
    assert Answer.objects.filter(thread=first.thread).count() == 4


def test_the_picture_of_another_thread_is_not_meant_whatever_a_form_says(models, login, people):
    ask = "/solutions/question/ask/"
    mine, theirs = login(people.alice), login(people.charlie)
    mine.post(ask, {"question": "?", "picture": SimpleUploadedFile("a.png", GOOD)})
    secret = Answer.objects.get()

    for browser in (mine, theirs):
        page = browser.post(ask, {"question": "!", "follows": str(secret.pk)})
        assert page.status_code == 422

    assert Answer.objects.count() == 1
