"""A model is made smaller by page, REST or not at all; what passes becomes a candidate."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import Role
from apps.audit.models import AuditEvent
from apps.experiments.services import start_training
from apps.jobs.models import Job
from apps.jobs.services import cancel, retry
from apps.monitoring.sweep import sweep
from apps.registry import comparison, compressing, jobs
from apps.registry.compressing import start_compression
from apps.registry.models import Compression, ModelVersion
from apps.registry.services import load
from ml_core.errors import ConfigError, JobError, NotAllowedError
from tests.apps import tiny_solution as tiny
from tests.apps.workshop import ready_version

OPTIONS = {"minutes": 1, "allowed_loss": 2}


@pytest.fixture
def model(people, run_jobs):
    start_training(
        user=people.alice, solution="tiny", version=ready_version(people), options={"steps": 1}
    )
    run_jobs()
    return ModelVersion.objects.get()


def asked(people, model, **options) -> Compression:
    return start_compression(user=people.alice, model=model, options=OPTIONS | options)


def test_the_form_that_passed_becomes_a_candidate_made_from_the_original(people, model, run_jobs):
    found = asked(people, model)

    (job,) = run_jobs()

    found.refresh_from_db()
    child = found.result
    assert (job.state, found.state, found.chosen) == ("succeeded", "succeeded", "pruned")
    assert job.result_url == found.get_absolute_url()
    assert [one["name"] for one in found.variants] == ["original", "pruned", "PTQ"]
    assert [one["passed"] for one in found.variants] == [True, True, False]
    assert (child.stage, child.number, child.parent, child.run) == ("candidate", 2, model, None)
    assert child.metrics["accuracy"] == 0.89
    assert load(child).mean == pytest.approx(load(model).mean, abs=1)
    actions = list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True))
    assert actions[-2:] == ["compression.started", "model.registered"]


def test_another_end_is_not_told_as_that_of_the_gate(people, model, run_jobs, login, monkeypatch):
    def fail(*_):
        raise JobError("The disk must have room. It has none.", permanent=True)

    monkeypatch.setattr(compressing, "register_child", fail)
    found = asked(people, model)
    run_jobs()

    page = login(people.alice).get(found.get_absolute_url()).content.decode()
    assert "The disk must have room" in page
    assert "No form kept enough" not in page
    assert "PTQ" in page


def test_the_sweep_removes_what_an_ended_one_left_on_this_machine_and_no_other(
    people, model, settings
):
    ended, waiting = asked(people, model), asked(people, model)
    cancel(ended.job, people.alice)
    root = settings.ASSAY_CACHE_DIR / "runs"
    for found in (ended, waiting):
        (root / f"{jobs.name_of(found)}-killed").mkdir(parents=True)
        (root / f"{jobs.name_of(found)}-killed" / "data.sealed").touch()

    sweep()

    assert [path.name for path in root.iterdir()] == [f"{jobs.name_of(waiting)}-killed"]


def test_a_model_that_learnt_privately_is_not_made_smaller(people, model, login):
    model.card["privacy"] = {"epsilon": 3.0}
    model.save(update_fields=["card"])

    with pytest.raises(ConfigError, match="would break the promise"):
        asked(people, model)

    page = login(people.alice).get(reverse("registry:compress", args=[model.pk]))
    assert b"It learnt privately" in page.content
    assert not Compression.objects.exists()


def test_its_lineage_leads_to_the_training_of_the_original(people, model, run_jobs, login):
    found = asked(people, model)
    run_jobs()
    child = ModelVersion.objects.get(number=2)

    page = login(people.bob).get(child.get_absolute_url()).content.decode()

    assert child.learned_in == model.run
    assert "Made smaller from" in page
    assert found.get_absolute_url() in page
    assert model.run.data_sha256 in page
    # Both were measured on the same rows, so they may be compared.
    assert comparison.compare(model, child).same_test


def test_nothing_is_kept_where_all_lose_more_than_is_allowed(people, model, run_jobs, login):
    found = asked(people, model, allowed_loss=0)

    (job,) = run_jobs()

    found.refresh_from_db()
    assert (job.state, found.state, found.result) == ("failed", "failed", None)
    assert "at most 0 points" in job.error
    assert "pruned" in job.error
    assert ModelVersion.objects.count() == 1
    page = login(people.bob).get(found.get_absolute_url()).content.decode()
    assert "No form kept enough" in page
    assert "pruned" in page


def test_a_try_that_failed_may_be_tried_again_by_who_may_train(people, model, run_jobs):
    found = asked(people, model, allowed_loss=0)
    run_jobs()
    people.bob.role = Role.INTEGRATOR
    people.bob.save()

    with pytest.raises(NotAllowedError):
        retry(found.job, people.bob)
    assert retry(found.job, people.alice).state == "queued"


def test_one_that_is_cancelled_keeps_nothing(people, model):
    found = asked(people, model)

    cancel(found.job, people.alice)

    found.refresh_from_db()
    assert found.state == "cancelled"
    assert ModelVersion.objects.count() == 1


def test_an_attempt_after_the_model_stands_makes_no_second_one(people, model, run_jobs):
    found = asked(people, model)
    run_jobs()
    Job.objects.filter(pk=found.job_id).update(state="queued", attempt=0)

    (job,) = run_jobs()

    assert job.state == "succeeded"
    assert ModelVersion.objects.count() == 2


def test_a_smaller_model_is_not_made_smaller_again(people, model, run_jobs, login):
    asked(people, model)
    run_jobs()
    child = ModelVersion.objects.get(number=2)

    with pytest.raises(ConfigError, match="Make that one smaller"):
        asked(people, child)
    page = login(people.alice).get(reverse("registry:compress", args=[child.pk]))
    assert "Make that one smaller" in page.content.decode()


def test_a_solution_that_does_not_offer_it_says_so(people, model, login, monkeypatch):
    monkeypatch.setattr(tiny.Tiny, "compressions", ())
    url = reverse("registry:compress", args=[model.pk])

    page = login(people.alice).get(url)

    assert "does not offer" in page.content.decode()
    assert login(people.alice).post(url, {"option_minutes": 1}).status_code == 422
    assert not Compression.objects.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"qat": True}, "prune, ptq"),
        ({"prune": False, "ptq": False}, "Got none"),
        ({"allowed_loss": -1}, "allowed_loss"),
        ({"minutes": 0}, "minutes"),
        ({"share": 2}, "share"),
        ({"layers": 3}, "layers"),
    ],
)
def test_what_cannot_be_is_refused_in_words(people, model, options, words):
    with pytest.raises(ConfigError, match=words):
        asked(people, model, **options)
    assert not Compression.objects.exists()


def test_the_form_offers_the_steps_of_the_solution_and_starts_once(people, model, login):
    client = login(people.alice)
    url = reverse("registry:compress", args=[model.pk])
    form = client.get(url).context["form"]
    names = list(form.fields)
    chosen = {"option_prune": "on", "option_allowed_loss": 3, "token": form["token"].value()}

    first, second = client.post(url, chosen), client.post(url, chosen)

    assert "option_prune" in names
    assert "option_qat" not in names
    found = Compression.objects.get()
    assert first.url == second.url == found.get_absolute_url()
    assert (found.options["allowed_loss"], found.options["ptq"]) == (3, False)


def test_the_page_moves_until_the_end(people, model, run_jobs, login):
    found = asked(people, model)
    client = login(people.bob)
    live = reverse("registry:compression-live", args=[found.pk])

    assert client.get(live).status_code == 200
    assert live in client.get(found.get_absolute_url()).content.decode()
    run_jobs()

    done = client.get(live)
    assert done.status_code == 286
    told = done.content.decode()
    for words in ("original", "pruned", "PTQ", "passed", "failed", "0.8900", "+1.00"):
        assert words in told
    assert live not in client.get(found.get_absolute_url()).content.decode()


def test_the_page_of_a_model_leads_to_it(people, model, login):
    page = login(people.alice).get(model.get_absolute_url()).content.decode()

    assert reverse("registry:compress", args=[model.pk]) in page


def test_a_model_whose_solution_does_not_offer_it_does_not_lead_there(
    people, model, login, monkeypatch
):
    monkeypatch.setattr(compressing, "offered", lambda _: ())

    page = login(people.alice).get(model.get_absolute_url()).content.decode()

    assert reverse("registry:compress", args=[model.pk]) not in page


def test_by_rest_it_is_started_once_and_followed(people, model, run_jobs):
    client = APIClient()
    client.force_authenticate(people.alice)
    url = f"/api/v1/models/{model.pk}/compressions/"
    body = {"options": {"allowed_loss": 2.0}}

    first = client.post(url, body, format="json", headers={"Idempotency-Key": "a"})
    again = client.post(url, body, format="json", headers={"Idempotency-Key": "a"})
    run_jobs()

    assert first.status_code == 202
    assert first.json()["id"] == again.json()["id"]
    told = client.get(first["Location"]).json()
    assert (told["state"], told["chosen"]) == ("succeeded", "pruned")
    assert told["result"] == str(ModelVersion.objects.get(number=2).pk)
    assert [round(one["loss"], 6) for one in told["variants"]] == [0, 1, 10]
    assert client.get(url).json()["results"][0]["id"] == told["id"]
    bad = client.post(url, {"options": {"share": 7}}, format="json")
    assert bad.status_code == 400
    assert "share" in json.dumps(bad.json())


def test_a_key_without_the_right_to_train_starts_nothing(people, model):
    people.bob.role = Role.INTEGRATOR
    people.bob.save()
    client = APIClient()
    client.force_authenticate(people.bob)

    answer = client.post(f"/api/v1/models/{model.pk}/compressions/", {}, format="json")

    assert answer.status_code == 403
    assert not Compression.objects.exists()
