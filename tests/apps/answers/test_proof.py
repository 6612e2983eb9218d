"""What an answer rests on, at its page and by REST."""

from __future__ import annotations

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import Role
from apps.answers.models import Answer
from apps.audit import verification
from apps.registry.services import promote
from tests.apps.answers.world import picture_model
from tests.apps.pictures import picture
from tests.apps.workshop import trained_model
from tests.people import make_person

ROW = {"payment_id": "p1", "time": "2026-03-03 10:00:00", "card_id": "c1", "amount": "95.5"}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def answer(models, people, login, tmp_path):
    promote(trained_model(people, tmp_path), people.dora, "Better on March.")
    login(people.alice).post("/solutions/tiny/ask/", ROW)
    return Answer.objects.get()


def test_an_auditor_gets_decision_model_and_events(answer, people, api):
    verification.walk(verification.ask(None), lambda *_: None)
    auditor = make_person("Aud", Role.AUDITOR)
    api(people.bob).post(
        f"/api/v1/answers/{answer.pk}/correct/",
        {"correction": "good", "reason": "The card is mine."}, format="json",
    )  # fmt: skip

    found = api(auditor).get(f"/api/v1/answers/{answer.pk}/proof/").json()

    assert found["decision"]["label"] == "bad"
    assert found["decision"]["review"]["by"] == "bob@example.org"
    assert found["asked"]["by"] == "alice@example.org"
    assert found["asked"]["inputs"]["amount"] == "95.5"
    assert found["asked"]["dataset"] is None
    assert found["model"]["signature"] == answer.model.signature
    assert found["model"]["promotion"]["reason"] == "Better on March."
    assert found["training"]["dataset"]["sha256"] == answer.model.run.data_sha256
    told = [(event["action"], event["was_checked"]) for event in found["audit"]["events"]]
    assert told == [
        ("model.registered", True), ("model.promoted", True), ("prediction.made", True),
        ("answer.corrected", False),
    ]  # fmt: skip


def test_the_page_shows_it_and_outsiders_find_nothing(answer, people, login, api):
    page = login(people.bob).get(answer.get_absolute_url()).content.decode()

    assert answer.model.signature in page
    assert "dora@example.org" in page
    assert "shown to auditors and admins" in page
    assert api(people.bob).get(f"/api/v1/answers/{answer.pk}/proof/").json()["audit"] is None
    assert api(people.charlie).get(f"/api/v1/answers/{answer.pk}/proof/").status_code == 404
    assert login(people.charlie).get(answer.get_absolute_url()).status_code == 404


def test_what_was_sent_is_named_by_its_digest(models, people, login, api, tmp_path):
    picture_model(people, tmp_path)
    data = picture(1)[0]
    sent = {"picture": SimpleUploadedFile("a.png", data), "part": "A-17"}
    login(people.alice).post("/solutions/picture/ask/", sent)
    answer = Answer.objects.get()

    found = api(people.bob).get(f"/api/v1/answers/{answer.pk}/proof/").json()
    page = login(people.bob).get(answer.get_absolute_url()).content.decode()

    digest = hashlib.sha256(data).hexdigest()
    assert found["asked"]["files"] == {"picture": digest}
    assert found["asked"]["inputs"]["part"] == "A-17"
    assert digest in page
