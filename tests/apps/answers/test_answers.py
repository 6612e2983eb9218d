"""A row is asked at the page and by a program, answered by a process of its own, and corrected."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.services import make_key
from apps.answers.models import Answer
from apps.audit.models import AuditEvent
from tests.apps.workshop import trained_model

ROW = {"payment_id": "p1", "time": "2026-03-01 10:00:00", "card_id": "c1", "amount": "95.5"}

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_person_asks_and_sees_answer_and_model(models, people, login, tmp_path):
    trained_model(people, tmp_path)

    page = login(people.alice).post("/solutions/tiny/ask/", ROW, follow=True)

    assert page.status_code == 200
    assert "bad" in page.content.decode()
    answer = Answer.objects.get()
    assert answer.output["alert"] is True
    assert answer.inputs["amount"] == "95.5"
    assert AuditEvent.objects.filter(action="prediction.made").count() == 1


def test_a_wrong_value_is_named_and_nothing_is_kept(models, people, login, tmp_path):
    trained_model(people, tmp_path)

    page = login(people.alice).post("/solutions/tiny/ask/", ROW | {"amount": "much"})

    assert page.status_code == 422
    assert "must be" in page.content.decode()
    assert not Answer.objects.exists()


def test_a_key_that_may_score_needs_no_right_to_see_models(models, people, client, tmp_path):
    model = trained_model(people, tmp_path)
    key = make_key(
        user=people.alice, team=people.team, name="k", scopes=["solutions.score"], days=1
    )[1]
    asked = {"HTTP_AUTHORIZATION": f"Bearer {key}", "content_type": "application/json"}
    address = "/api/v1/solutions/tiny/answers/"

    usual = client.post(address, {"row": ROW}, **asked)
    named = client.post(address, {"row": ROW, "model": str(model.pk)}, **asked)

    assert usual.status_code == 201
    assert usual.json()["model"] == str(model.pk)
    assert named.status_code in {403, 404, 422}


def test_a_program_asks_and_the_same_key_asks_once(models, people, api, tmp_path):
    trained_model(people, tmp_path)
    client = api(people.alice)

    def ask():
        return client.post(
            "/api/v1/solutions/tiny/answers/", {"row": ROW}, format="json",
            headers={"Idempotency-Key": "k1"},
        )  # fmt: skip

    first, second = ask(), ask()

    assert first.status_code == 201, first.content
    assert first.json()["output"]["label"] == "bad"
    assert second.json()["id"] == first.json()["id"]
    assert Answer.objects.count() == 1


def test_a_missing_column_is_a_problem_that_names_it(models, people, api, tmp_path):
    trained_model(people, tmp_path)
    row = {name: value for name, value in ROW.items() if name != "amount"}

    answer = api(people.alice).post("/api/v1/solutions/tiny/answers/", {"row": row}, format="json")

    assert answer.status_code == 422
    assert answer.json()["issues"][0]["column"] == "amount"


def test_without_the_model_process_it_says_so(settings, people, api, tmp_path):
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "nobody.sock")
    trained_model(people, tmp_path)

    answer = api(people.alice).post("/api/v1/solutions/tiny/answers/", {"row": ROW}, format="json")

    assert answer.status_code == 503
    assert "must run" in answer.json()["detail"]


def test_a_file_for_a_column_of_numbers_is_refused(models, people, api, tmp_path):
    trained_model(people, tmp_path)
    sent = {"row": "{}", "amount": SimpleUploadedFile("a.png", b"x")}

    answer = api(people.alice).post("/api/v1/solutions/tiny/answers/", sent, format="multipart")

    assert answer.status_code == 422
    assert "amount" in answer.json()["detail"]


def test_wrong_is_said_and_kept_with_who_said_it(models, people, login, tmp_path):
    trained_model(people, tmp_path)
    browser = login(people.alice)
    browser.post("/solutions/tiny/ask/", ROW)
    answer = Answer.objects.get()

    page = browser.post(
        f"/answers/{answer.pk}/correct/",
        {"correction": "good", "reason": "Known."},
        headers={"HX-Request": "true"},
    )

    answer.refresh_from_db()
    assert (answer.correction, answer.corrected_by) == ("good", people.alice)
    assert "Corrected to" in page.content.decode()
    assert AuditEvent.objects.filter(action="answer.corrected").exists()


def test_an_outsider_cannot_follow_a_thread(models, people, api, tmp_path):
    trained_model(people, tmp_path)
    first = api(people.alice).post("/api/v1/solutions/tiny/answers/", {"row": ROW}, format="json")

    said = {"row": ROW, "follows": first.json()["id"]}
    answer = api(people.charlie).post("/api/v1/solutions/tiny/answers/", said, format="json")

    assert answer.status_code == 404
