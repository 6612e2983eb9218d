"""Versions are looked through for what their rows hide, and told so at a page and by REST."""

from __future__ import annotations

import pytest

from apps.audit.models import AuditEvent
from apps.datasets import inspecting, services
from apps.datasets.errors import ConflictError
from apps.datasets.models import DatasetVersion, Finding, Inspection
from apps.jobs.models import Job
from apps.jobs.services import cancel
from tests.apps.datasets.tables import HEADER, csv, rows
from tests.apps.pictures import packed, squares_files
from tests.apps.workshop import payments, ready_version


@pytest.fixture(autouse=True)
def solutions(settings, home):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.dummy_solution", "tests.apps.tiny_solution"]


@pytest.fixture
def leaky(ingest):
    """Welds with a current that tells the failure, and a column that nobody reads and tells it."""
    lines = [f"{line},{'worn' if line.endswith('1') else 'fine'}" for line in rows(400)]
    lines = [line.replace(",8.5,", ",30.5,") if line.endswith("worn") else line for line in lines]
    return ingest(csv(lines, f"{HEADER},failure_cause"))


def place(version) -> str:
    return f"/api/v1/dataset-versions/{version.pk}/findings/"


def test_a_look_finds_leaks_in_columns_that_are_read_and_that_are_not(leaky, api, alice, run_jobs):
    started = api(alice).post(place(leaky), {}, format="json")
    [job] = run_jobs()

    assert started.status_code == 202
    assert started.json()["state"] == "running"
    assert job.state == "succeeded", job.error
    told = api(alice).get(place(leaky)).json()
    assert told["state"] == "ready"
    unread = next(one for one in told["findings"] if one["column"] == "failure_cause")
    assert (unread["check"], unread["severity"]) == ("leakage", "warning")
    assert unread["figures"]["score"] > 0.99
    assert AuditEvent.objects.filter(action="dataset.inspected").exists()


def test_findings_are_filtered_by_severity_and_column(leaky, api, alice, login, run_jobs):
    inspecting.start_inspection(version=leaky, user=alice)
    run_jobs()
    everything = api(alice).get(place(leaky)).json()

    some = api(alice).get(f"{place(leaky)}?column=failure_cause&severity=warning").json()
    page = login(alice).get(f"/datasets/versions/{leaky.pk}/findings/?severity=error")

    assert 0 < len(some["findings"]) < everything["n_findings"] == some["n_findings"]
    assert {one["column"] for one in some["findings"]} == {"failure_cause"}
    shown = [one["finding"].severity for one in page.context["findings"]]
    assert set(shown) <= {"error"}
    assert len(shown) < everything["n_findings"]


def test_the_page_leads_to_the_rows_and_shows_no_values(people, login, alice, run_jobs):
    frame = payments(300)
    frame[70, "amount"] = 1e7
    version = ready_version(people, frame)
    inspecting.start_inspection(version=version, user=alice)
    run_jobs()

    page = login(alice).get(f"/datasets/versions/{version.pk}/findings/")

    text = page.content.decode()
    assert f"/datasets/versions/{version.pk}/browse/?page=2#row-71" in text
    assert "SUM(A1)" not in text
    assert "10000000" not in text


def test_drift_is_told_beside_the_version_before(people, login, alice, run_jobs):
    old = ready_version(people, payments(400))
    moved = payments(400, seed=2).with_columns(amount=payments(400)["amount"] * 5)
    new = ready_version(people, moved, name="Later")
    client = login(alice)

    answer = client.post(f"/datasets/versions/{new.pk}/inspect/", {"reference": str(old.pk)})
    run_jobs()

    assert answer.status_code == 302
    drift = Finding.objects.get(check_name="drift")
    assert (drift.column, drift.severity) == ("amount", "warning")
    page = client.get(f"/datasets/versions/{new.pk}/findings/").content.decode()
    assert "beside" in page
    assert f"/datasets/versions/{old.pk}/" in page


def test_rules_are_asked_for_in_words_and_refused_in_words(people, api, alice, login, run_jobs):
    version = ready_version(people)
    good = api(alice).post(place(version), {"rules": ["card_id among payment_id"]}, format="json")
    bad = api(alice).post(place(version), {"rules": ["card_id among nothing"]}, format="json")
    page = login(alice).post(
        f"/datasets/versions/{version.pk}/inspect/", {"rules": "x"}, follow=True
    )
    run_jobs()

    assert good.status_code == 202
    assert bad.status_code == 422
    assert "A rule must name columns" in bad.json()["detail"]
    assert "A rule must be written as" in page.content.decode()
    assert Finding.objects.get(check_name="unknown_reference").n_rows == 60


def test_the_same_asked_twice_while_it_runs_is_one(people, alice):
    version = ready_version(people)

    one, other = (inspecting.start_inspection(version=version, user=alice) for _ in range(2))

    assert one == other
    assert Job.objects.count() == 1


def test_an_upload_is_looked_through_by_itself(ingest, settings, api_upload, run_jobs):
    settings.ASSAY_INSPECT_UPLOADS = True
    first = ingest(csv())
    api_upload(csv(rows(30)), dataset=str(first.dataset_id))
    run_jobs()

    states = Inspection.objects.order_by("created_at").values_list("state", "reference")
    assert list(states) == [("ready", None), ("ready", first.pk)]


def test_a_version_that_is_not_ready_is_not_looked_through(ingest, alice, api):
    version = ingest(csv([*rows(3), "w9,never,e1,1,1,0"]))

    with pytest.raises(ConflictError, match="must be ready"):
        inspecting.start_inspection(version=version, user=alice)
    assert api(alice).post(place(version), {}, format="json").status_code == 409


def test_what_is_cancelled_says_so_and_can_be_asked_again(people, alice, run_jobs, login):
    version = ready_version(people)
    inspection = inspecting.start_inspection(version=version, user=alice)

    cancel(inspection.job, alice)

    inspection.refresh_from_db()
    assert inspection.state == "failed"
    page = login(alice).get(f"/datasets/versions/{version.pk}/findings/").content.decode()
    assert "did not come to its end" in page
    again = inspecting.start_inspection(version=version, user=alice)
    run_jobs()
    again.refresh_from_db()
    assert again.state == "ready"


def test_of_a_version_that_is_deleted_meanwhile_nothing_is_kept(people, alice, run_jobs):
    version = ready_version(people)
    inspecting.start_inspection(version=version, user=alice)
    services.delete(version, alice)

    [job] = run_jobs()

    assert job.state == "failed"
    assert "was deleted" in job.error
    assert Inspection.objects.count() == Finding.objects.count() == 0


def test_a_reference_of_another_team_is_not_there(people, alice, api):
    version = ready_version(people)
    theirs = ready_version(people, team=people.other_team, owner=people.charlie)

    answer = api(alice).post(place(version), {"reference": str(theirs.pk)}, format="json")

    assert answer.status_code == 404


def test_the_same_part_in_training_and_test_is_found(settings, login, alice, run_jobs):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.picture_solution", "tests.dummy_solution"]
    files = squares_files(8)
    for number in range(8):  # the same picture for all, so that any split tears it apart
        files[f"images/p{number:02d}.png"] = files["images/p00.png"]
    version = picture_version(login(alice), packed(files), run_jobs)

    inspecting.start_inspection(version=version, user=alice)
    run_jobs()

    found = {one.check_name: one for one in Finding.objects.all()}
    assert found["like_pictures"].n_rows == 7
    assert found["same_in_parts"].severity == "error"
    page = login(alice).get(f"/datasets/versions/{version.pk}/findings/").content.decode()
    assert f"/datasets/versions/{version.pk}/annotate/1/" in page


def picture_version(client, data: bytes, run_jobs) -> DatasetVersion:
    from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: PLC0415

    file = SimpleUploadedFile("parts.zip", data)
    client.post("/datasets/upload/", {"solution": "picture", "name": "Parts", "file": file})
    run_jobs()
    version = DatasetVersion.objects.latest("created_at")
    assert version.state == "ready", version.issues
    return version
