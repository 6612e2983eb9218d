"""Pages of jobs: list, live part, cancel, retry."""

import pytest

from apps.jobs import services
from apps.jobs.models import Job, State


@pytest.fixture
def job(people) -> Job:
    return services.enqueue(
        kind="of-no-app", title="Score May", team=people.team, user=people.alice, params={}
    )


def test_the_list_shows_jobs_of_the_team(job, people, login):
    page = login(people.bob).get("/jobs/")

    assert page.status_code == 200
    assert "Score May" in page.content.decode()


def test_the_list_hides_jobs_of_others(job, people, login):
    page = login(people.charlie).get("/jobs/")

    assert "Score May" not in page.content.decode()


@pytest.mark.parametrize(("query", "n"), [("state=open", 1), ("state=failed", 0), ("q=may", 1)])
def test_the_list_is_filtered(query, n, job, people, login):
    page = login(people.alice).get(f"/jobs/?{query}")

    assert len(page.context["page_obj"].object_list) == n


@pytest.mark.parametrize("part", ["", "live/"])
def test_an_outsider_sees_no_job(part, job, people, login):
    assert login(people.charlie).get(f"/jobs/{job.id}/{part}").status_code == 404


def test_the_live_part_polls_while_the_job_is_open(job, people, login):
    answer = login(people.alice).get(f"/jobs/{job.id}/live/")

    assert answer.status_code == 200
    assert 'hx-trigger="every 1s"' in answer.content.decode()


def test_the_live_part_stops_polling_at_the_end(job, people, login):
    Job.objects.filter(id=job.id).update(state=State.SUCCEEDED, result_url="/results/1/")

    answer = login(people.alice).get(f"/jobs/{job.id}/live/")

    page = answer.content.decode()
    assert answer.status_code == 286
    assert "every 1s" not in page
    assert 'hx-swap-oob="true"' in page
    assert 'href="/results/1/"' in page


def test_progress_is_shown_with_rate_and_time_left(job, people, login):
    Job.objects.filter(id=job.id).update(
        state=State.RUNNING, stage="score", done=500, total=1000, note="rows", rate=250, eta_s=2
    )

    page = login(people.alice).get(f"/jobs/{job.id}/").content.decode()

    assert "50 %" in page
    assert "250 rows/s" in page
    assert "2.0 s left" in page


def test_cancel_and_retry_by_button(job, people, login):
    client = login(people.bob)

    client.post(f"/jobs/{job.id}/cancel/")
    cancelled = Job.objects.get(id=job.id).state
    client.post(f"/jobs/{job.id}/retry/")

    assert cancelled == State.CANCELLED
    assert Job.objects.get(id=job.id).state == State.QUEUED


def test_an_outsider_cancels_nothing(job, people, login):
    answer = login(people.charlie).post(f"/jobs/{job.id}/cancel/")

    assert answer.status_code == 404
    assert Job.objects.get(id=job.id).state == State.QUEUED


def test_cancelling_twice_is_told_and_harmless(job, people, login):
    client = login(people.alice)
    client.post(f"/jobs/{job.id}/cancel/")

    page = client.post(f"/jobs/{job.id}/cancel/", follow=True).content.decode()

    assert "must wait or run to be cancelled" in page
