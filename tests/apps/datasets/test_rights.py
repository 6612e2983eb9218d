"""Who may see and change datasets, and what a list costs."""

from __future__ import annotations

import pytest

from apps.accounts.models import Role
from apps.datasets.models import Dataset
from tests.apps.datasets.tables import csv
from tests.people import make_person


@pytest.fixture
def version(ingest):
    return ingest(csv())


def pages(version) -> list[str]:
    place = f"/datasets/versions/{version.pk}/"
    return [
        f"/datasets/{version.dataset_id}/",
        f"/datasets/{version.dataset_id}/upload/",
        place,
        f"{place}live/",
        f"{place}mapping/",
        f"{place}browse/",
        f"{place}issues.csv",
        f"{place}file/",
    ]


def test_an_outsider_finds_nothing(version, login, api, charlie):
    browser, program = login(charlie), api(charlie)

    seen = [browser.get(page).status_code for page in pages(version)]
    seen += [
        browser.post(f"/datasets/{version.dataset_id}/delete/").status_code,
        browser.post(f"/datasets/versions/{version.pk}/delete/").status_code,
        browser.post(f"/datasets/versions/{version.pk}/mapping/").status_code,
        program.get(f"/api/v1/datasets/{version.dataset_id}/").status_code,
        program.delete(f"/api/v1/datasets/{version.dataset_id}/").status_code,
        program.get(f"/api/v1/dataset-versions/{version.pk}/").status_code,
        program.get(f"/api/v1/dataset-versions/{version.pk}/issues/").status_code,
        program.put(f"/api/v1/dataset-versions/{version.pk}/mapping/", {}).status_code,
    ]

    assert set(seen) == {404}
    assert program.get("/api/v1/datasets/").json()["count"] == 0
    assert program.get("/api/v1/dataset-versions/").json()["count"] == 0
    assert version.dataset.name not in browser.get("/datasets/").content.decode()


def test_an_outsider_cannot_add_a_version(version, api_upload, charlie):
    answer = api_upload(csv(), user=charlie, dataset=str(version.dataset_id))

    assert answer.status_code == 404
    assert version.dataset.versions.count() == 1


def test_nobody_gets_in_without_a_login(version, client):
    answers = [client.get(page) for page in ["/datasets/", "/datasets/upload/", *pages(version)]]

    assert {answer.status_code for answer in answers} == {302}
    assert client.get("/api/v1/datasets/").status_code == 401


def test_a_team_mate_sees_all(version, login, bob):
    found = [login(bob).get(page).status_code for page in pages(version)]

    # The mapping page sends on (the table is ready), and there are no issues to download.
    assert found == [200, 200, 200, 286, 302, 200, 404, 200]


def test_an_auditor_looks_but_does_not_touch(version, login, api_upload, team):
    auditor = make_person("Aude", Role.AUDITOR, team)
    browser = login(auditor)

    assert browser.get(f"/datasets/versions/{version.pk}/").status_code == 200
    assert browser.get("/datasets/upload/").status_code == 403
    assert browser.get(f"/datasets/versions/{version.pk}/file/").status_code == 403
    assert browser.post(f"/datasets/{version.dataset_id}/delete/").status_code == 403
    assert api_upload(csv(), user=auditor).status_code == 403


def test_an_unknown_solution_is_refused(api_upload, upload):
    rest, page = api_upload(csv(), solution="nothing"), upload(csv(), solution="nothing")

    assert (rest.status_code, page.status_code) == (400, 400)
    assert "solution must be one of" in str(rest.json()["fields"])


def test_no_list_asks_more_for_more_rows(
    version, login, api, alice, team, django_assert_max_num_queries
):
    Dataset.objects.bulk_create(
        Dataset(name=f"d{i}", solution="dummy", team=team, created_by=alice) for i in range(40)
    )
    browser, program = login(alice), api(alice)

    with django_assert_max_num_queries(14):
        browser.get("/datasets/")
    with django_assert_max_num_queries(4):
        program.get("/api/v1/datasets/")
    with django_assert_max_num_queries(14):
        browser.get(f"/datasets/{version.dataset_id}/")
    with django_assert_max_num_queries(4):
        program.get("/api/v1/dataset-versions/")
