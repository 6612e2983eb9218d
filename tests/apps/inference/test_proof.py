"""Why was this payment stopped? The answer with its proof, at the page of the row and by REST."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role
from apps.audit import verification
from apps.audit.models import AuditEvent
from apps.registry.models import ModelVersion
from apps.registry.services import promote, retire, roll_back
from tests.apps.workshop import scored, trained_model
from tests.people import make_person

WHY = "Better on the payments of March."


@pytest.fixture
def auditor(people):
    return make_person("Aud", Role.AUDITOR)


@pytest.fixture
def prediction(people, tmp_path, run_jobs):
    model = trained_model(people, tmp_path)
    promote(model, people.dora, WHY)
    return scored(people, tmp_path, run_jobs, model=model)


@pytest.fixture
def row(prediction, api, people):
    rows = api(people.alice).get(f"/api/v1/predictions/{prediction.pk}/rows/?alert_only=true")
    return rows.json()["results"][0]


@pytest.fixture
def url(prediction, row):
    return f"/api/v1/predictions/{prediction.pk}/rows/{row['row']}/proof/"


def check_chain():
    verification.walk(verification.ask(None), lambda *_: None)


def test_an_auditor_of_no_team_gets_all_of_it(prediction, row, url, auditor, api):
    check_chain()

    found = api(auditor).get(url).json()

    model, run = prediction.model, prediction.model.run
    assert found["decision"]["label"] == "bad"
    assert found["decision"]["alert"] is True
    assert found["decision"]["score"] == row["score"]
    assert found["decision"]["facts"] == {"threshold": 0.5, "not_a_number": None}
    assert found["asked"]["by"] == "alice@example.org"
    assert found["asked"]["row"] == row["row"]
    assert found["asked"]["dataset"]["sha256"] == prediction.dataset_version.sha256
    assert found["model"] | {"came_to_it": None} == {
        "id": str(model.pk), "url": model.get_absolute_url(), "solution": "tiny", "number": 1,
        "signature": model.signature, "signature_holds": True, "stage_now": "live",
        "stage_then": "live", "came_to_it": None,
        "promotion": {
            "at": found["model"]["promotion"]["at"], "move": "promoted", "reason": WHY,
            "by": "dora@example.org",
        },
    }  # fmt: skip
    assert found["training"]["seed"] == run.seed
    assert found["training"]["code_version"] == "1.0"
    assert found["training"]["dataset"]["sha256"] == run.data_sha256
    assert found["training"]["dataset"]["is_unchanged"] is True
    actions = [event["action"] for event in found["audit"]["events"]]
    assert actions == ["model.registered", "model.promoted", "scoring.started", "prediction.made"]
    assert found["audit"]["check"]["state"] == "whole"
    for event in found["audit"]["events"]:
        assert event["hash"] == AuditEvent.objects.get(sequence=event["sequence"]).hash
        assert (event["is_sound"], event["was_checked"]) == (True, True)


def test_the_stage_is_that_of_then_whatever_came_later(prediction, url, people, tmp_path, api):
    later = trained_model(people, tmp_path)
    promote(later, people.dora, "Newer.")
    roll_back(later, people.dora, "Worse after all.")

    found = api(people.admin).get(url).json()

    assert found["model"]["stage_then"] == "live"
    assert found["model"]["promotion"]["reason"] == WHY
    assert "model.rolled_back" not in [event["action"] for event in found["audit"]["events"]]


def test_a_model_that_had_been_replaced_says_by_whom_and_why(
    people, tmp_path, run_jobs, api, auditor
):
    old, new = trained_model(people, tmp_path), trained_model(people, tmp_path)
    promote(old, people.dora, WHY)
    promote(new, people.dora, "Newer.")
    prediction = scored(people, tmp_path, run_jobs, model=old)

    found = api(auditor).get(f"/api/v1/predictions/{prediction.pk}/rows/1/proof/").json()

    assert found["model"]["stage_then"] == "retired"
    assert found["model"]["came_to_it"]["move"] == "replaced"
    assert found["model"]["came_to_it"]["reason"] == "Newer."
    assert found["model"]["promotion"]["reason"] == WHY
    told = [(event["action"], event["thing"]) for event in found["audit"]["events"]]
    assert ("model.promoted", "tiny model 2") in told
    assert ("model.registered", "tiny model 2") not in told


def test_a_candidate_was_never_made_live(people, tmp_path, run_jobs, api):
    prediction = scored(people, tmp_path, run_jobs)
    retire(prediction.model, people.dora, "Not needed.")

    found = api(people.bob).get(f"/api/v1/predictions/{prediction.pk}/rows/1/proof/").json()

    assert (found["model"]["stage_then"], found["model"]["promotion"]) == ("candidate", None)
    assert found["model"]["stage_now"] == "retired"


def test_the_events_are_for_those_who_may_read_the_trail(url, people, api):
    assert api(people.bob).get(url).json()["audit"] is None
    assert api(people.dora).get(url).json()["audit"] is None
    assert api(people.admin).get(url).json()["audit"]["events"]


def test_an_outsider_and_a_row_that_is_not_there_are_not_found(url, prediction, people, api):
    assert api(people.charlie).get(url).status_code == 404
    beyond = f"/api/v1/predictions/{prediction.pk}/rows/999999/proof/"
    assert api(people.alice).get(beyond).status_code == 404


def test_what_was_changed_behind_the_products_back_shows(prediction, url, people, api):
    check_chain()
    ModelVersion.objects.filter(pk=prediction.model_id).update(manifest={"model.json": {}})
    type(prediction.dataset_version).objects.filter(
        pk=prediction.model.run.dataset_version_id
    ).update(sha256="0" * 64)
    last = AuditEvent.objects.get(action="prediction.made").sequence
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_auditevent SET actor_label = 'x' WHERE sequence = %s", [last])

    found = api(people.admin).get(url).json()

    assert found["model"]["signature_holds"] is False
    assert found["training"]["dataset"]["is_unchanged"] is False
    sound = {event["sequence"]: event["is_sound"] for event in found["audit"]["events"]}
    assert sound[last] is False
    assert all(fits for sequence, fits in sound.items() if sequence != last)
    check_chain()
    check = api(people.admin).get(url).json()["audit"]["check"]
    assert (check["state"], check["bad_sequence"]) == ("broken", last)


def test_the_page_shows_it_to_each_as_far_as_he_may(prediction, row, people, login, auditor):
    address = f"/results/{prediction.pk}/rows/{row['row']}/"

    before = login(auditor).get(address).content.decode()
    check_chain()
    shown = login(auditor).get(address).content.decode()
    mate = login(people.bob).get(address).content.decode()

    assert "Not verified yet" in before
    for words in (WHY, "dora@example.org", prediction.model.signature, "whole", "model.promoted",
                  prediction.model.run.data_sha256, prediction.dataset_version.sha256,
                  "Proof as JSON"):  # fmt: skip
        assert words in shown, words
    assert WHY in mate
    assert "shown to auditors and admins" in mate
    assert "model.promoted" not in mate
    assert login(people.charlie).get(address).status_code == 404


def test_the_proof_costs_the_same_however_long_the_story_is(prediction, url, people, tmp_path, api):
    client = api(people.admin)
    client.get(url)
    with CaptureQueriesContext(connection) as short:
        client.get(url)
    other = trained_model(people, tmp_path)
    for _ in range(3):
        promote(other, people.dora, "Again.")
        promote(prediction.model, people.dora, "And back.")
    prediction.finished_at = AuditEvent.objects.first().at
    prediction.save(update_fields=["finished_at"])
    with CaptureQueriesContext(connection) as long:
        found = client.get(url).json()

    assert len(found["audit"]["events"]) > 8
    assert len(long) == len(short) <= 6
