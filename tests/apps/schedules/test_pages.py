"""Pages of schedules."""

from __future__ import annotations

import pytest
from django.urls import reverse

from apps.accounts.policies import RIGHTS
from apps.catalog.services import registry
from apps.datasets.models import Dataset
from apps.jobs.models import Job
from apps.jobs.services import cancel, retry
from apps.registry.models import ModelVersion
from apps.schedules import services
from apps.schedules.cron import Cron
from apps.schedules.models import Policy
from ml_core.errors import NotAllowedError
from tests.apps.schedules.making import policy_of
from tests.apps.workshop import ready_version


def form_of(dataset: Dataset, **said):
    return {
        "name": "Nightly", "dataset": str(dataset.pk), "trigger": "clock", "cron": "30 2 * * *",
        "zone": "Europe/Berlin", "n_labels": "0", "budget_min": "30", "metric": "accuracy",
        "min_gain": "0.01", "outcome": "candidate", "option_steps": "3", "token": "t1",
    } | said  # fmt: skip


def test_the_empty_page_says_what_to_do_first(people, login):
    page = login(people.alice).get("/schedules/").content.decode()

    assert "Nothing is retrained by itself yet" in page
    assert reverse("schedules:new", args=["tiny"]) in page


def test_who_may_only_look_is_offered_nothing_to_do(people, login):
    policy = policy_of(people)
    people.bob.role = "integrator"
    people.bob.save()
    client = login(people.bob)

    pages = client.get("/schedules/").content + client.get(policy.get_absolute_url()).content

    assert b"Run now" not in pages
    assert b"/new/" not in pages
    assert client.post(reverse("schedules:run", args=[policy.pk])).status_code == 403
    assert not Job.objects.exists()


def test_who_may_not_train_runs_nothing(people, login, monkeypatch):
    policy = policy_of(people)
    monkeypatch.setitem(RIGHTS, "solutions.train", RIGHTS["solutions.train"] - {people.bob.role})
    client = login(people.bob)

    page = client.get(policy.get_absolute_url()).content.decode()

    assert "Run now" not in page
    assert reverse("schedules:pause", args=[policy.pk]) in page
    assert client.post(reverse("schedules:run", args=[policy.pk])).status_code == 403
    with pytest.raises(NotAllowedError):
        services.run_now(user=people.bob, policy=policy)
    assert not Job.objects.exists()


def test_a_policy_is_made_shown_and_changed(people, login):
    version = ready_version(people)
    client = login(people.alice)
    address = reverse("schedules:new", args=["tiny"])
    assert "At 03:00, only on Monday" in client.get(address).content.decode()

    answer = client.post(address, form_of(version.dataset))

    policy = Policy.objects.get()
    assert answer["Location"] == policy.get_absolute_url()
    assert (policy.cron, policy.zone, policy.options["steps"]) == (
        "30 2 * * *", "Europe/Berlin", 3,
    )  # fmt: skip
    assert policy.base_version == version
    client.post(address, form_of(version.dataset))
    assert Policy.objects.count() == 1
    page = client.get(policy.get_absolute_url()).content.decode()
    assert "At 02:30 (Europe/Berlin)" in page
    assert "It has not run yet" in page
    listed = client.get("/schedules/").content.decode()
    assert listed.count("Nightly") >= 6  # itself, and its next times

    edit = reverse("schedules:edit", args=[policy.pk])
    shown = client.get(edit).content.decode()
    assert 'value="30 2 * * *"' in shown
    assert client.post(edit, form_of(version.dataset, cron="0 5 * * *")).status_code == 302
    policy.refresh_from_db()
    assert policy.cron == "0 5 * * *"


def test_a_form_that_cannot_be_says_why_and_keeps_what_was_typed(people, login):
    version = ready_version(people)
    wrong = form_of(version.dataset, cron="61 * * * *", window_of="days", name="Mine")

    answer = login(people.alice).post(reverse("schedules:new", args=["tiny"]), wrong)
    page = answer.content.decode()

    assert answer.status_code == 422
    assert "Say how many days or rows." in page
    assert 'value="Mine"' in page
    assert "The minute of a schedule must be" in page
    assert not Policy.objects.exists()


def test_without_data_the_form_says_what_to_do(people, login):
    page = login(people.alice).get(reverse("schedules:new", args=["tiny"])).content.decode()

    assert "No data to learn from yet" in page


def test_another_teams_data_cannot_be_chosen(people, login):
    foreign = ready_version(people, owner=people.charlie, team=people.other_team)
    ready_version(people)

    answer = login(people.alice).post(
        reverse("schedules:new", args=["tiny"]), form_of(foreign.dataset)
    )

    assert answer.status_code == 422
    assert not Policy.objects.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 3 * * 1", "At 03:00, only on Monday"),
        ("nonsense", "five fields"),
        ("<script>alert(1)</script> * * * *", "&lt;script&gt;"),
    ],
)
def test_times_are_shown_while_they_are_typed(people, login, text, words):
    answer = login(people.alice).get(
        reverse("schedules:preview"), {"cron": text, "zone": "Europe/Berlin"}
    )

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert answer.content.decode().count("<time") in {0, 5}


def test_a_run_is_begun_by_hand_and_its_history_moves_until_it_ends(people, login, run_jobs):
    policy = policy_of(people)
    client = login(people.alice)

    assert client.post(reverse("schedules:run", args=[policy.pk])).status_code == 302
    again = client.post(reverse("schedules:run", args=[policy.pk]), follow=True)

    assert "One is open. Wait for it." in again.content.decode()
    assert Job.objects.count() == 1
    page = client.get(policy.get_absolute_url()).content.decode()
    assert 'hx-trigger="every 2s"' in page
    run_jobs()
    part = client.get(policy.get_absolute_url(), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "hx-trigger" not in part
    assert "Kept as a candidate: there is no live model" in part
    assert policy.runs.get().model.get_absolute_url() in part


def test_the_page_of_its_training_tells_which_rows_and_how_long(people, login, run_jobs):
    policy = policy_of(people, ready_version(people), window={"rows": 45}, budget_min=5)
    run = services.run_now(user=people.alice, policy=policy)
    run_jobs()
    run.refresh_from_db()

    page = login(people.alice).get(run.training.get_absolute_url()).content.decode()

    assert "the last 45 rows" in page
    assert "5 min" in page


def test_pause_and_resume(people, login):
    policy = policy_of(people)
    client = login(people.alice)

    client.post(reverse("schedules:pause", args=[policy.pk]))
    assert "Paused" in client.get(policy.get_absolute_url()).content.decode()
    client.post(reverse("schedules:resume", args=[policy.pk]))

    policy.refresh_from_db()
    assert not policy.is_paused


def test_a_deleted_policy_is_listed_no_more_and_offers_nothing(people, login, run_jobs):
    policy, client = policy_of(people), login(people.alice)
    client.post(reverse("schedules:run", args=[policy.pk]))
    run_jobs()

    told = client.post(reverse("schedules:delete", args=[policy.pk]), follow=True).content.decode()

    assert f"{policy.name} is deleted." in told
    assert policy.get_absolute_url() not in told
    page = client.get(policy.get_absolute_url()).content.decode()
    assert "it does nothing more" in page
    assert "Kept as a candidate" in page
    assert reverse("schedules:run", args=[policy.pk]) not in page
    edit = client.post(
        reverse("schedules:edit", args=[policy.pk]), form_of(policy.dataset, name="Again")
    )
    assert "This one is. Make a new one." in edit.content.decode()


def test_a_run_of_a_deleted_policy_is_not_taken_up_again(people, login, run_jobs):
    policy, client = policy_of(people), login(people.alice)
    client.post(reverse("schedules:run", args=[policy.pk]))
    job = policy.runs.get().job
    cancel(job, people.alice)
    client.post(reverse("schedules:delete", args=[policy.pk]))

    retry(job, people.alice)
    run_jobs()

    job.refresh_from_db()
    assert (job.state, ModelVersion.objects.count()) == ("failed", 0)
    assert "Its policy was deleted" in job.error


def test_approval_is_offered_to_a_second_person_alone(people, login, settings):
    settings.ASSAY_FOUR_EYES = True
    policy = policy_of(people, outcome="live", user=people.dora)
    address = reverse("schedules:approve", args=[policy.pk])

    own = login(people.dora)
    assert address not in own.get(policy.get_absolute_url()).content.decode()
    assert "somebody else" in own.post(address, follow=True).content.decode()
    assert login(people.alice).post(address).status_code == 403
    second = login(people.admin)
    assert address in second.get(policy.get_absolute_url()).content.decode()
    second.post(address)

    policy.refresh_from_db()
    assert policy.approved_by == people.admin
    assert "Approved by Ada" in own.get(policy.get_absolute_url()).content.decode()


def test_the_pages_ask_the_database_as_often_for_many_as_for_few(
    people, login, django_assert_max_num_queries, run_jobs
):
    version = ready_version(people)
    for number in range(12):
        policy = policy_of(people, version, name=f"Policy {number}")
    for _ in range(3):
        services.run_now(user=people.alice, policy=policy)
        run_jobs()
    client = login(people.alice)

    with django_assert_max_num_queries(10):
        client.get("/schedules/")
    with django_assert_max_num_queries(12):
        client.get(policy.get_absolute_url())


def test_a_policy_whose_solution_was_taken_out_is_still_shown(people, login, settings):
    policy = policy_of(people)
    settings.ASSAY_EXTRA_SOLUTIONS = []
    client = login(people.alice)

    assert client.get("/schedules/").status_code == 200
    assert client.get(policy.get_absolute_url()).status_code == 200
    assert client.get(reverse("schedules:edit", args=[policy.pk])).status_code == 404


def test_what_solutions_suggest_can_be_kept_as_it_is(people, login):
    suggestions = [one for solution in registry() for one in solution.schedules()]

    assert suggestions
    for one in suggestions:
        assert Cron.read(one.cron, "UTC").in_words()
    Dataset.objects.create(
        name="Payments", solution="fraud", team=people.team, created_by=people.alice
    )
    page = login(people.alice).get(reverse("schedules:new", args=["fraud"])).content.decode()
    assert 'value="Each Monday"' in page
    assert "What the solution suggests" in page
    assert "Baseline: AUC" not in page
