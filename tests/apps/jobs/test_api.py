"""Jobs in the REST interface."""

import pytest

from apps.accounts.services import make_key
from apps.jobs import services
from apps.jobs.models import Job, State


@pytest.fixture
def job(people) -> Job:
    return services.enqueue(
        kind="of-no-app", title="Score May", team=people.team, user=people.alice, params={}
    )


def test_it_lists_jobs_of_the_team_only(job, people, api):
    mine = api(people.bob).get("/api/v1/jobs/").json()
    theirs = api(people.charlie).get("/api/v1/jobs/").json()

    assert [row["id"] for row in mine["results"]] == [str(job.id)]
    assert theirs["results"] == []


def test_it_shows_one_with_its_log(job, people, api):
    job.events.create(message="hello")

    answer = api(people.alice).get(f"/api/v1/jobs/{job.id}/").json()

    assert answer["state"] == "queued"
    assert [line["message"] for line in answer["log"]] == ["hello"]


def test_an_outsider_finds_none(job, people, api):
    assert api(people.charlie).get(f"/api/v1/jobs/{job.id}/").status_code == 404


def test_a_stranger_is_asked_who_he_is(client, job):
    answer = client.get("/api/v1/jobs/")

    assert answer.status_code == 401
    assert answer["Content-Type"].startswith("application/problem+json")


def test_it_cancels_and_retries(job, people, api):
    client = api(people.alice)

    cancelled = client.post(f"/api/v1/jobs/{job.id}/cancel/").json()
    retried = client.post(f"/api/v1/jobs/{job.id}/retry/").json()

    assert cancelled["state"] == State.CANCELLED
    assert retried["state"] == State.QUEUED


def test_retrying_an_open_job_is_a_conflict(job, people, api):
    answer = api(people.alice).post(f"/api/v1/jobs/{job.id}/retry/")

    assert answer.status_code == 409
    assert "must have failed" in answer.json()["detail"]


def test_a_key_without_the_scope_cannot_cancel(job, people, client):
    _, token = make_key(
        user=people.alice, team=people.team, name="read", scopes=["jobs.view"], days=1
    )
    bearer = {"Authorization": f"Bearer {token}"}

    seen = client.get(f"/api/v1/jobs/{job.id}/", headers=bearer)
    refused = client.post(f"/api/v1/jobs/{job.id}/cancel/", headers=bearer)

    assert seen.status_code == 200
    assert refused.status_code == 403
    assert "scope jobs.cancel" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("kind", "also"),
    [
        ("train", ["solutions.train"]),
        ("retrain", ["solutions.train", "schedules.manage"]),
    ],
)
def test_retrying_needs_the_right_to_begin_such_a_job(kind, also, people, api, login, client):
    job = services.enqueue(kind=kind, title="Learn", team=people.team, user=people.alice, params={})
    Job.objects.filter(pk=job.pk).update(state=State.FAILED)
    url = f"/api/v1/jobs/{job.pk}/retry/"
    people.bob.role = "integrator"
    people.bob.save()

    def by_key(*scopes: str) -> int:
        key = make_key(user=people.alice, team=people.team, name="k", scopes=scopes, days=1)[1]
        return client.post(url, headers={"Authorization": f"Bearer {key}"}).status_code

    assert api(people.bob).post(url).status_code == 403
    assert login(people.bob).post(f"/jobs/{job.pk}/retry/").status_code == 403
    assert login(people.bob).get(f"/jobs/{job.pk}/").context["may_retry"] is False
    assert by_key("jobs.retry", *also[1:]) == 403
    assert Job.objects.get(pk=job.pk).state == State.FAILED
    assert by_key("jobs.retry", *also) == 200
