from __future__ import annotations

import pytest
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.datasets import storage
from apps.inference import jobs
from apps.inference.models import Explanation, Prediction
from apps.jobs.models import Job
from tests.apps.workshop import payments, ready_version, scored, trained_model

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def prediction(people, tmp_path, run_jobs):
    return scored(people, tmp_path, run_jobs, payments(300, seed=1))


def test_the_form_scores_with_what_was_chosen(people, login, tmp_path):
    version = ready_version(people)
    model = trained_model(people, tmp_path, version)
    browser = login(people.alice)

    page = browser.get("/solutions/tiny/score/", {"version": version.pk})
    answer = browser.post(
        "/solutions/tiny/score/",
        {"version": version.pk, "model": model.pk, "history": "none", "token": "t"},
    )

    assert str(version.pk) in page.content.decode()
    made = Prediction.objects.get()
    assert answer.url == made.get_absolute_url()
    assert (made.model, made.history_version) == (model, None)


def test_two_clicks_on_the_form_score_once(people, login, tmp_path):
    version = ready_version(people)
    trained_model(people, tmp_path, version)
    browser = login(people.alice)
    form = {"version": version.pk, "token": "same"}

    first = browser.post("/solutions/tiny/score/", form)
    second = browser.post("/solutions/tiny/score/", form)

    assert first.url == second.url
    assert Job.objects.filter(kind="score").count() == 1


def test_the_form_says_what_is_missing_first(people, login):
    browser = login(people.alice)

    assert b"No data to score yet" in browser.get("/solutions/tiny/score/").content
    ready_version(people)
    assert b"No model yet" in browser.get("/solutions/tiny/score/").content


def test_a_result_that_waits_shows_its_job_and_then_itself(people, login, tmp_path, run_jobs):
    version = ready_version(people)
    trained_model(people, tmp_path, version)
    browser = login(people.alice)
    url = browser.post("/solutions/tiny/score/", {"version": version.pk}).url

    waiting = browser.get(url)
    live = browser.get(f"{url}live/", **HTMX)
    run_jobs()
    over = browser.get(f"{url}live/", **HTMX)
    done = browser.get(url)

    assert b"Waiting for a worker" in waiting.content
    assert live.status_code == 200
    assert (over.status_code, over["HX-Refresh"]) == (286, "true")
    assert b"All rows, ranked" in done.content
    assert b"the very data that the model learned from" in done.content


def test_a_failed_scoring_says_why_and_offers_another_try(
    people, login, tmp_path, run_jobs, monkeypatch
):
    def fail(*_):
        raise RuntimeError("boom")

    monkeypatch.setattr(jobs, "_scored", fail)
    prediction = scored(people, tmp_path, run_jobs)

    page = login(people.alice).get(prediction.get_absolute_url()).content.decode()

    assert prediction.state == "failed"
    assert "did not succeed" in page
    assert "Try again" in page
    assert "boom" not in page


def test_the_table_pages_sorts_and_filters_by_fragments(people, login, prediction):
    browser = login(people.alice)
    url = prediction.get_absolute_url()

    last = browser.get(url, {"page": 6}, **HTMX).content.decode()
    sorted_ = browser.get(url, {"sort": "amount"}, **HTMX).content.decode()
    none = browser.get(url, {"min_score": 1.5}, **HTMX).content.decode()

    assert "<html" not in last
    assert last.count("Open row at rank") == 50
    assert 'aria-sort="ascending"' in sorted_
    assert "No row fits" in none


def test_back_in_the_browser_gets_the_whole_page(people, login, prediction):
    browser = login(people.alice)

    page = browser.get(
        prediction.get_absolute_url(), HTTP_HX_HISTORY_RESTORE_REQUEST="true", **HTMX
    )

    assert b"<html" in page.content


def test_a_bad_filter_or_page_is_no_error(people, login, prediction):
    browser = login(people.alice)

    page = browser.get(
        prediction.get_absolute_url(), {"min_score": "much", "page": "x", "time_from": "soon"}
    )

    assert page.status_code == 200


def test_a_row_has_its_score_reasons_and_neighbours(people, login, prediction):
    first = Explanation.objects.order_by("id").values_list("row", flat=True).first()
    browser = login(people.alice)

    page = browser.get(f"{prediction.get_absolute_url()}rows/{first}/").content.decode()

    assert "It is " in page
    assert "threshold of 0.5000" in page
    assert "Rank 1 of 300" in page
    assert 'rel="next"' in page
    assert 'rel="prev"' not in page


def test_a_row_without_reasons_gets_them_from_a_job(people, login, prediction, run_jobs):
    explained = set(Explanation.objects.values_list("row", flat=True))
    row = next(n for n in range(1, 301) if n not in explained)
    browser = login(people.alice)
    url = f"{prediction.get_absolute_url()}rows/{row}/"

    before = browser.get(url).content
    asked = browser.post(f"{url}explain/", **HTMX).content
    again = browser.post(f"{url}explain/", **HTMX)
    polled = browser.get(f"{url}reasons/", **HTMX)
    n_jobs = Job.objects.filter(kind="explain").count()
    run_jobs()
    after = browser.get(f"{url}reasons/", **HTMX)

    assert b"Not explained yet" in before
    assert b'hx-trigger="every 1s"' in asked
    assert again.status_code == polled.status_code == 200
    assert n_jobs == 1
    assert after.status_code == 286
    assert b"It is " in after.content


def test_a_row_that_is_not_there_is_not_found(people, login, prediction):
    browser = login(people.alice)

    assert browser.get(f"{prediction.get_absolute_url()}rows/999/").status_code == 404
    assert browser.post(f"{prediction.get_absolute_url()}rows/999/explain/").status_code == 404


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_download_is_a_stream_and_is_recorded(people, login, prediction, form):
    answer = login(people.alice).get(f"{prediction.get_absolute_url()}download.{form}")

    assert answer.streaming
    assert len(b"".join(answer.streaming_content)) > 1000
    assert f'filename="march-scored.{form}"' in answer["Content-Disposition"]
    assert AuditEvent.objects.filter(action="result.downloaded").count() == 1


def test_a_result_whose_file_was_lost_says_so(people, login, prediction):
    storage.path_of(prediction.result_blob).unlink()

    page = login(people.alice).get(prediction.get_absolute_url())

    assert page.status_code == 409
    assert "A stored file is gone" in page.content.decode()
    assert "Restore it from a backup" in page.content.decode()


def test_another_form_of_download_is_not_found(people, login, prediction):
    answer = login(people.alice).get(f"{prediction.get_absolute_url()}download.exe")

    assert answer.status_code == 404


PAGES = ["", "live/", "download.csv", "download.parquet", "rows/1/", "rows/1/reasons/"]


@pytest.mark.parametrize("part", PAGES)
def test_strangers_log_in_outsiders_find_nothing_and_the_team_may(
    people, client, login, prediction, part
):
    url = prediction.get_absolute_url() + part

    assert client.get(url).status_code == 302
    assert login(people.charlie).get(url).status_code == 404
    assert login(people.bob).get(url).status_code in (200, 286)


def test_an_outsider_cannot_score_or_explain(people, login, prediction):
    outsider = login(people.charlie)
    version = prediction.dataset_version

    explained = outsider.post(f"{prediction.get_absolute_url()}rows/1/explain/")
    scored_ = outsider.post("/solutions/tiny/score/", {"version": version.pk})

    assert explained.status_code == 404
    assert scored_.status_code == 422  # the choice is not among those that the outsider has
    assert Prediction.objects.count() == 1


def test_the_list_shows_the_results_of_the_team_in_few_queries(
    people, login, tmp_path, run_jobs, django_assert_max_num_queries
):
    for _ in range(3):
        scored(people, tmp_path, run_jobs)

    browser = login(people.bob)
    with django_assert_max_num_queries(8):
        page = browser.get(reverse("inference:index"))

    assert page.content.count(b"March") == 3
    assert b"March" not in login(people.charlie).get(reverse("inference:index")).content
