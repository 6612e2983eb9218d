from __future__ import annotations

import pytest

from apps.inference.models import Explanation, Prediction
from apps.jobs.models import Job
from tests.apps.workshop import payments, ready_version, scored, trained_model

URL = "/api/v1/solutions/tiny/predictions/"


@pytest.fixture
def prediction(people, tmp_path, run_jobs):
    return scored(people, tmp_path, run_jobs, payments(300, seed=1))


def test_scoring_is_accepted_and_can_be_followed(people, api, tmp_path, run_jobs):
    version = ready_version(people)
    model = trained_model(people, tmp_path, version)
    client = api(people.alice)

    accepted = client.post(URL, {"dataset_version": str(version.pk), "model": None})
    run_jobs()
    done = client.get(accepted["Location"]).json()

    assert accepted.status_code == 202
    assert client.get(accepted.json()["job_url"]).json()["state"] == "succeeded"
    assert (done["state"], done["n_rows"], done["model"]) == ("succeeded", 60, str(model.pk))
    assert done["report"][0]["title"] == "Alerts"


def test_the_same_idempotency_key_scores_once_and_only_for_its_owner(people, api, tmp_path):
    version = ready_version(people)
    trained_model(people, tmp_path, version)
    asked = (URL, {"dataset_version": str(version.pk)})
    key = {"HTTP_IDEMPOTENCY_KEY": "k1"}

    first = api(people.alice).post(*asked, **key).json()["id"]
    again = api(people.alice).post(*asked, **key).json()["id"]
    other = api(people.bob).post(*asked, **key).json()["id"]

    assert first == again != other
    assert Job.objects.filter(kind="score").count() == 2


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 400),
        ({"dataset_version": "no"}, 400),
        ({"dataset_version": "00000000-0000-0000-0000-000000000000"}, 404),
    ],
)
def test_a_bad_request_is_told_as_a_problem(people, api, asked, status):
    answer = api(people.alice).post(URL, asked)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"


def test_rows_are_paged_sorted_and_filtered(people, api, prediction):
    client = api(people.alice)
    url = f"/api/v1/predictions/{prediction.pk}/rows/"

    first = client.get(url).json()
    chosen = client.get(url, {"sort": "-amount", "alert_only": "true", "page_size": 5}).json()

    assert (first["count"], first["pages"], len(first["results"])) == (300, 6, 50)
    assert [row["rank"] for row in first["results"]] == list(range(1, 51))
    assert chosen["count"] == prediction.n_alerts
    amounts = [row["amount"] for row in chosen["results"]]
    assert len(amounts) == 5
    assert amounts == sorted(amounts, reverse=True)


@pytest.mark.parametrize(
    "asked", [{"page": 0}, {"page_size": 5000}, {"min_score": "x"}, {"sort": "nothing"}]
)
def test_a_bad_question_about_rows_is_refused(people, api, prediction, asked):
    answer = api(people.alice).get(f"/api/v1/predictions/{prediction.pk}/rows/", asked)

    assert answer.status_code == 400


def test_a_row_comes_with_its_explanation(people, api, prediction, run_jobs):
    client = api(people.alice)
    explained = set(Explanation.objects.values_list("row", flat=True))
    with_reasons = min(explained)
    without = next(n for n in range(1, 301) if n not in explained)
    url = f"/api/v1/predictions/{prediction.pk}/rows/"

    first = client.get(f"{url}{with_reasons}/").json()
    second = client.get(f"{url}{without}/").json()
    asked = client.post(f"{url}{without}/explain/")
    run_jobs()

    assert first["explanation"][0]["kind"] == "reasons"
    assert second["explanation"] is None
    assert asked.status_code == 202
    assert client.get(f"{url}{without}/").json()["explanation"] is not None
    assert client.get(f"{url}999/").status_code == 404


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_results_are_downloaded_by_key_holders(people, api, prediction, form):
    answer = api(people.alice).get(f"/api/v1/predictions/{prediction.pk}/download.{form}")

    assert answer.status_code == 200
    assert len(b"".join(answer.streaming_content)) > 1000


def test_a_result_that_is_not_ready_has_no_rows(people, api, tmp_path):
    version = ready_version(people)
    trained_model(people, tmp_path, version)
    client = api(people.alice)
    url = client.post(URL, {"dataset_version": str(version.pk)})["Location"]

    answer = client.get(f"{url}rows/")

    assert answer.status_code == 422
    assert "must be ready" in answer.json()["detail"]


@pytest.mark.parametrize("part", ["", "rows/", "rows/1/", "download.csv", "download.parquet"])
def test_outsiders_find_nothing(people, api, prediction, part):
    url = f"/api/v1/predictions/{prediction.pk}/{part}"

    assert api(people.charlie).get(url).status_code == 404
    assert api(people.bob).get(url).status_code == 200


def test_an_outsider_cannot_score_the_data_of_another_team(people, api, tmp_path):
    version = ready_version(people)
    trained_model(people, tmp_path, version)

    answer = api(people.charlie).post(URL, {"dataset_version": str(version.pk)})

    assert answer.status_code == 404
    assert Prediction.objects.count() == 0
