"""The feature store by REST."""

from __future__ import annotations

from datetime import UTC

import pytest

from apps.audit.models import AuditEvent
from apps.datasets.services import load_frame
from apps.features.models import FeatureView
from ml_core.features.compute import compute
from tests.apps.features.making import NAME, kept_view, the_definition, three_days
from tests.apps.workshop import payments, ready_version

ADDRESS = "/api/v1/features/"


def test_definitions_are_told_with_their_windows(people, api):
    [cards] = api(people.alice).get("/api/v1/solutions/tiny/features/").json()["results"]

    assert (cards["name"], cards["entity"], cards["key"]) == (NAME, "card_id", "payment_id")
    assert cards["version"] == the_definition().version
    assert cards["aggregations"][1]["delay_s"] == 3600
    assert cards["aggregations"][0]["windows"] == ["1h", "1d"]


def test_a_view_is_started_computed_and_looked_up(people, api, run_jobs):
    version, client = three_days(people), api(people.alice)
    asked = {"dataset_version": str(version.pk), "view": NAME}

    begun = client.post(ADDRESS, asked, headers={"Idempotency-Key": "k"})
    again = client.post(ADDRESS, asked, headers={"Idempotency-Key": "k"})
    [job] = run_jobs()

    assert (begun.status_code, again.json()["id"]) == (202, begun.json()["id"])
    assert begun.json()["job_url"] == f"/api/v1/jobs/{job.pk}/"
    one = client.get(begun["Location"]).json()
    assert (one["n_rows"], one["n_days"], one["freshness"]) == (120, 3, "good")
    [run] = client.get(f"{begun['Location']}materializations/").json()["results"]
    assert (run["state"], run["sources"][0]["n_rows"]) == ("succeeded", 120)

    last = compute(the_definition(), load_frame(version)).row(-1, named=True)
    body = {"entities": [last["card_id"], "nobody"], "at": last["time"].replace(tzinfo=UTC)}
    found = client.post(f"{begun['Location']}online/", body).json()
    known, unknown = found["results"]
    assert known["features"] == {name: last[name] for name in the_definition().features}
    assert (known["is_known"], known["is_complete"], unknown["is_known"]) == (True, True, False)
    assert unknown["features"]["amount_mean_1d"] is None
    assert AuditEvent.objects.get(action="features.looked_up").actor == people.alice


def test_a_kept_view_is_brought_up_to_its_dataset(people, api, run_jobs):
    version = three_days(people)
    view, client = kept_view(people, version), api(people.alice)
    newer = ready_version(people, payments(30, seed=9, day=3), number=2)
    newer.dataset = version.dataset
    newer.save()

    begun = client.post(f"{ADDRESS}{view.pk}/materialise/", {})
    run_jobs()

    assert begun.status_code == 202
    assert begun.json()["version"] == str(newer.pk)
    assert client.get(f"{ADDRESS}{view.pk}/").json()["n_rows"] == 150
    body = {"mode": "backfill", "start": "2024-01-02", "end": "2024-01-02"}
    client.post(f"{ADDRESS}{view.pk}/materialise/", body)
    run_jobs()
    runs = client.get(f"{ADDRESS}{view.pk}/materializations/").json()["results"]
    assert (runs[0]["n_days"], runs[0]["n_kept"]) == (1, 3)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"view": "nothing"}, 404), ({"mode": "hourly"}, 400), ({"start": "2024-01-01"}, 400),
        ({"mode": "backfill", "start": "2024-02-01", "end": "2024-01-01"}, 400),
        ({"dataset_version": "x"}, 400), ({"view": ""}, 400), ({"end": 7}, 400),
    ],
)  # fmt: skip
def test_what_cannot_be_started_is_a_problem(people, api, said, status):
    asked = {"dataset_version": str(ready_version(people).pk), "view": NAME} | said

    answer = api(people.alice).post(ADDRESS, asked)

    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert not FeatureView.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {}, {"entities": []}, {"entities": ["a"] * 1001}, {"entities": ["x" * 201]},
        {"entities": "a"}, {"entities": ["a"], "at": "noon"}, {"entities": [{}]},
    ],
)  # fmt: skip
def test_a_look_up_that_cannot_be_is_refused(people, api, body):
    view = kept_view(people)

    assert api(people.alice).post(f"{ADDRESS}{view.pk}/online/", body).status_code == 400


def test_a_view_at_work_is_not_begun_twice(people, api):
    asked = {"dataset_version": str(ready_version(people).pk), "view": NAME}
    api(people.alice).post(ADDRESS, asked)

    answer = api(people.alice).post(ADDRESS, asked)

    assert answer.status_code == 409
    assert "one job at a time" in answer.json()["detail"]


def test_a_version_of_another_dataset_is_refused(people, api):
    view, other = kept_view(people), ready_version(people, name="April")

    answer = api(people.alice).post(
        f"{ADDRESS}{view.pk}/materialise/", {"dataset_version": str(other.pk)}
    )

    assert answer.status_code == 422


def test_a_store_that_does_not_answer_is_said(people, api, settings):
    view = kept_view(people)
    settings.ASSAY_FEATURES_URL = "redis://127.0.0.1:1/0"

    answer = api(people.alice).post(f"{ADDRESS}{view.pk}/online/", {"entities": ["c1"]})

    assert answer.status_code == 503
    assert "must answer" in answer.json()["detail"]


def test_outsiders_find_nothing(people, api):
    view, stranger = kept_view(people), api(people.charlie)

    assert stranger.get(ADDRESS).json()["count"] == 0
    assert stranger.get(f"{ADDRESS}{view.pk}/").status_code == 404
    body = {"entities": ["c1"]}
    assert stranger.post(f"{ADDRESS}{view.pk}/online/", body).status_code == 404
    asked = {"dataset_version": str(view.version_id), "view": NAME}
    assert stranger.post(ADDRESS, asked).status_code == 404
