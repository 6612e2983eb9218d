"""Of a rejected file the good rows can be kept, and no bad one is lost."""

from __future__ import annotations

import csv as csv_module
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.audit.models import AuditEvent
from apps.datasets import services, storage
from apps.datasets.models import DatasetVersion
from apps.datasets.quarantine import keep_good_rows
from apps.datasets.services import load_frame
from apps.jobs.services import cancel
from tests.apps.datasets.tables import blobs, csv, rows
from tests.apps.pictures import packed, squares_files

BAD = [
    "w2,2024-03-01T09:00:00,e1,much,2.25,0",
    "=cmd(),2024-03-01T09:01:00,e1,-8,2.25,0",
    "w3,2024-03-01T09:02:00,e1,8.5,2.25,0,too,many",
]


@pytest.fixture
def rejected(ingest):
    lines = rows(6)
    version = ingest(csv([*lines[:2], BAD[0], *lines[2:4], BAD[1], BAD[2], *lines[4:]]))
    assert version.state == "rejected"
    return version


def kept_of(version) -> DatasetVersion:
    return DatasetVersion.objects.get(parent=version)


def aside_of(client, version) -> list[list[str]]:
    answer = client.get(f"/datasets/versions/{version.pk}/put-aside.csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv_module.reader(io.StringIO(text)))


def test_good_rows_become_a_version_and_bad_ones_a_file(rejected, login, alice, run_jobs):
    client = login(alice)

    answer = client.post(f"/datasets/versions/{rejected.pk}/keep-good/")
    [job] = run_jobs()

    kept = kept_of(rejected)
    assert answer["Location"] == job.get_absolute_url()
    assert job.state == "succeeded", job.error
    assert (kept.state, kept.origin, kept.number, kept.n_rows, kept.n_aside) == (
        "ready", "quarantine", 2, 6, 3,
    )  # fmt: skip
    assert load_frame(kept)["weld_id"].to_list() == [f"w{i}" for i in range(6)]
    assert load_frame(kept)["row"].to_list() == [1, 2, 3, 4, 5, 6]
    header, *aside = aside_of(client, kept)
    assert header[:2] == ["row", "reason"]
    assert header[-1] == "text of the row"
    assert {line[0] for line in aside} == {"3", "6", "7"}
    assert [line[2] for line in aside if line[0] == "6"] == ["'=cmd()"]
    assert BAD[2] in [line[-1] for line in aside]


def test_the_page_of_the_new_version_says_where_it_comes_from(rejected, login, alice, run_jobs):
    client = login(alice)
    assert b"Keep the good rows" in client.get(rejected.get_absolute_url()).content
    keep_good_rows(rejected, alice)
    run_jobs()

    page = client.get(kept_of(rejected).get_absolute_url()).content.decode()
    parent = client.get(rejected.get_absolute_url()).content.decode()

    assert "3 put aside" in page
    assert rejected.get_absolute_url() in page
    assert kept_of(rejected).get_absolute_url() in parent
    event = AuditEvent.objects.get(action="dataset.quarantined")
    assert (event.summary["n_rows"], event.summary["n_aside"]) == (6, 3)


def test_by_rest_and_twice_it_is_one_version(rejected, api, alice, run_jobs):
    place = f"/api/v1/dataset-versions/{rejected.pk}/quarantine/"
    one, other = (api(alice).post(place) for _ in range(2))
    run_jobs()
    late = api(alice).post(place)

    assert [one.status_code, other.status_code, late.status_code] == [202] * 3
    assert one.json()["id"] == other.json()["id"] == late.json()["id"]
    told = api(alice).get(f"/api/v1/dataset-versions/{late.json()['id']}/").json()
    assert (told["origin"], told["n_aside"], len(told["content_sha256"])) == ("quarantine", 3, 64)
    aside = api(alice).get(f"/api/v1/dataset-versions/{told['id']}/put-aside.csv")
    assert b"".join(aside.streaming_content).count(b"\r\n") == 4


def test_what_was_kept_says_what_the_good_rows_alone_would(rejected, ingest, alice, run_jobs):
    keep_good_rows(rejected, alice)
    run_jobs()

    alone = ingest(csv(rows(6)))

    assert kept_of(rejected).content_sha256 == alone.content_sha256
    assert kept_of(rejected).sha256 != alone.sha256


def test_a_cancelled_one_leaves_nothing(rejected, alice):
    before = blobs()
    kept = keep_good_rows(rejected, alice)

    cancel(kept.job, alice)

    assert list(DatasetVersion.objects.all()) == [rejected]
    assert blobs() == before


def test_one_that_is_stopped_half_way_leaves_nothing(rejected, alice, run_jobs, monkeypatch):
    before = blobs()
    kept = keep_good_rows(rejected, alice)
    asked = "apps.jobs.progress.JobRun.cancelled"
    monkeypatch.setattr(asked, lambda _run: True)

    [job] = run_jobs()

    assert job.state == "cancelled"
    assert job.id == kept.job_id
    assert not DatasetVersion.objects.filter(pk=kept.pk).exists()
    assert blobs() == before


def test_where_no_row_is_good_nothing_is_made(ingest, alice, run_jobs):
    version = ingest(csv([BAD[0], BAD[1]]))
    before = blobs()
    keep_good_rows(version, alice)

    [job] = run_jobs()

    assert job.state == "rejected"
    assert "must have good rows" in job.error
    assert DatasetVersion.objects.count() == 1
    assert blobs() == before


def test_only_a_rejected_version_has_rows_to_part(ingest, api, alice):
    version = ingest(csv())

    answer = api(alice).post(f"/api/v1/dataset-versions/{version.pk}/quarantine/")

    assert answer.status_code == 409
    assert api(alice).get(f"/api/v1/dataset-versions/{version.pk}/put-aside.csv").status_code == 404


def test_rules_of_the_solution_put_rows_aside_by_their_number_in_the_file(ingest, alice, run_jobs):
    """An electrode that carries current without touching breaks a rule across columns."""
    lines = rows(6)
    lines[4] = "w4,2024-03-01T08:04:00,e1,9.5,0,0"
    version = ingest(csv([BAD[0], *lines]))
    keep_good_rows(version, alice)
    run_jobs()

    kept = kept_of(version)

    assert load_frame(kept)["weld_id"].to_list() == ["w0", "w1", "w2", "w3", "w5"]
    with storage.open_blob(kept.aside_blob) as stream:
        told = list(csv_module.reader(io.StringIO(stream.read().decode("utf-8-sig"))))
    assert sorted(line[0] for line in told[1:]) == ["1", "6"]


def test_files_go_with_the_last_version_that_needs_them(rejected, alice, run_jobs):
    keep_good_rows(rejected, alice)
    run_jobs()
    kept = kept_of(rejected)

    services.delete(DatasetVersion.objects.get(pk=rejected.pk), alice)
    assert load_frame(kept).height == 6
    assert storage.exists(kept.source_blob)

    services.delete(DatasetVersion.objects.get(pk=kept.pk), alice)


def test_pictures_that_cannot_be_read_are_put_aside(settings, login, alice, run_jobs):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.picture_solution", "tests.dummy_solution"]
    files = squares_files(4)
    files["images/p02.png"] = b"no picture"
    file = SimpleUploadedFile("parts.zip", packed(files))
    login(alice).post("/datasets/upload/", {"solution": "picture", "name": "Parts", "file": file})
    run_jobs()
    version = DatasetVersion.objects.get()
    assert version.state == "rejected"

    keep_good_rows(version, alice)
    [job] = run_jobs()

    kept = kept_of(version)
    assert (kept.n_rows, kept.n_aside) == (3, 1), job.error
    aside = aside_of(login(alice), kept)
    assert aside[1][0] == "3"
    assert "images/p02.png" in aside[1]
    assert login(alice).get(f"/datasets/versions/{kept.pk}/pictures/3/").status_code == 200


@pytest.fixture
def two_of_one(settings, login, alice, run_jobs):
    """Pictures of which a CSV names the damaged one in two rows."""
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.picture_solution", "tests.dummy_solution"]
    files = {name: data for name, data in squares_files(4).items() if name.endswith(".png")}
    files["images/p02.png"] = b"no picture"
    names = ["p00", "p02", "p01", "p02", "p03"]
    files["parts.csv"] = "\n".join(["picture", *(f"images/{name}.png" for name in names)])
    file = SimpleUploadedFile("parts.zip", packed(files))
    login(alice).post("/datasets/upload/", {"solution": "picture", "name": "Parts", "file": file})
    run_jobs()
    version = DatasetVersion.objects.get()
    assert version.state == "rejected"
    return version


def test_all_rows_that_name_a_damaged_picture_are_put_aside(two_of_one, login, alice, run_jobs):
    keep_good_rows(two_of_one, alice)
    [job] = run_jobs()

    kept = kept_of(two_of_one)
    assert (kept.n_rows, kept.n_aside) == (3, 2), job.error
    assert "images/p02.png" not in load_frame(kept)["picture"].to_list()
    assert [line[0] for line in aside_of(login(alice), kept)[1:]] == ["2", "4"]


def test_more_bad_rows_of_pictures_than_are_told_are_refused(
    two_of_one, alice, run_jobs, monkeypatch
):
    monkeypatch.setattr("apps.datasets.jobs_quarantine.MOST_TOLD", 1)
    keep_good_rows(two_of_one, alice)

    [job] = run_jobs()

    assert job.state == "rejected"
    assert "at most 1 bad rows of one kind" in job.error
    assert not DatasetVersion.objects.filter(parent=two_of_one).exists()
