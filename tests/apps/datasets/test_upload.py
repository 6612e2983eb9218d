"""From a file in a form to a table that models read."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from unittest.mock import Mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from apps.audit.models import AuditEvent
from apps.datasets import services, storage
from apps.datasets.errors import ConflictError
from apps.datasets.models import Dataset, DatasetVersion
from apps.jobs.models import Job
from apps.jobs.services import cancel
from tests.apps.datasets.tables import HEADER, blobs, csv, frame, parquet, rows


def test_it_goes_from_the_upload_page_to_a_ready_table(upload, login, alice, run_jobs):
    content = csv()

    sent = upload(content)
    version = DatasetVersion.objects.get()
    page = login(alice).get(sent.url)
    confirmed = login(alice).post(sent.url, {n: n for n in HEADER.split(",")})
    run_jobs()

    version.refresh_from_db()
    assert sent.url == f"/datasets/versions/{version.pk}/mapping/"
    assert "All columns were recognised" in page.content.decode()
    assert confirmed.url == version.get_absolute_url()
    assert (version.state, version.n_rows, version.number) == ("ready", 20, 1)
    assert version.sha256 == hashlib.sha256(content).hexdigest()
    assert version.size_bytes == len(content)
    assert (version.time_min.isoformat(), version.created_by) == (
        "2024-03-01T08:00:00+00:00",
        alice,
    )


def test_the_prepared_table_has_the_schemas_names_and_rows_from_one(ingest):
    version = ingest(csv())

    table = services.load_frame(version)

    assert table.columns == ["row", *HEADER.split(",")]
    assert table["row"].to_list() == list(range(1, 21))
    assert table["weld_id"].to_list() == [f"w{i}" for i in range(20)]
    assert table.schema["failed"].to_python() is int


def test_parquet_and_csv_give_the_same_table(ingest):
    from_csv = services.load_frame(ingest(csv()))

    from_parquet = services.load_frame(ingest(parquet(), "welds.parquet"))

    assert from_parquet.equals(from_csv)


def test_only_the_asked_columns_are_read(ingest):
    version = ingest(csv())

    table = services.load_frame(version, ["row", "force_kn"])

    assert table.columns == ["row", "force_kn"]


def test_a_page_of_rows_spans_row_groups(ingest, monkeypatch):
    monkeypatch.setattr("ml_core.data.parquet_file.CHUNK_ROWS", 7)
    version = ingest(parquet(20), "welds.parquet")

    page = services.load_page(version, 5, 10)

    assert page["row"].to_list() == list(range(6, 16))


def test_nothing_plain_is_on_the_disk(ingest, home):
    ingest(csv([*rows(), "secret-weld-name,2024-03-02 08:00:00,e1,8.5,2.25,0"]))

    files = [path.read_bytes() for path in home.rglob("*") if path.is_file()]

    assert len(files) == 2
    assert not any(b"secret-weld-name" in content or b"weld_id" in content for content in files)


def test_a_leaking_or_unknown_column_is_ignored_and_told(ingest):
    lines = [f"{line},{i % 2}" for i, line in enumerate(rows())]

    version = ingest(csv(lines, HEADER + ",FAILED_SCENARIO"))

    assert version.ignored == ["FAILED_SCENARIO"]
    assert "FAILED_SCENARIO" not in version.mapping.values()


def test_a_question_about_columns_waits_for_a_person(api_upload):
    answer = api_upload(csv(header=HEADER.replace("force_kn", "F")))

    body = answer.json()
    assert answer.status_code == 201
    assert (body["state"], body["job"]) == ("mapping", None)
    assert Job.objects.count() == 0


def test_rest_takes_a_mapping_with_the_file(api_upload, run_jobs):
    mapping = {n: n for n in HEADER.split(",")} | {"force_kn": "F"}

    answer = api_upload(csv(header=HEADER.replace("force_kn", "F")), mapping=json.dumps(mapping))
    run_jobs()

    assert answer.status_code == 202
    assert answer.json()["job_url"].endswith(f"/api/v1/jobs/{answer.json()['job']}/")
    assert DatasetVersion.objects.get().state == "ready"


def test_rest_maps_afterwards(api_upload, api, alice, run_jobs):
    version = api_upload(csv(header=HEADER.replace("force_kn", "F"))).json()
    mapping = {n: n for n in HEADER.split(",")} | {"force_kn": "F", "failed": ""}

    answer = api(alice).put(
        f"/api/v1/dataset-versions/{version['id']}/mapping/", {"mapping": mapping}
    )
    run_jobs()

    told = api(alice).get(f"/api/v1/dataset-versions/{version['id']}/").json()
    assert answer.status_code == 202
    assert (told["state"], told["ignored"], told["n_rows"]) == ("ready", ["failed"], 20)


def test_a_second_file_becomes_the_next_version(ingest, api_upload):
    first = ingest(csv())

    answer = api_upload(csv(rows(5)), dataset=str(first.dataset_id))

    assert answer.json()["number"] == 2
    assert Dataset.objects.count() == 1


def test_a_ready_version_cannot_be_mapped_again(ingest, api, alice):
    version = ingest(csv())

    answer = api(alice).put(
        f"/api/v1/dataset-versions/{version.pk}/mapping/", {"mapping": version.mapping}
    )

    assert answer.status_code == 409


def test_the_page_shows_quality_lineage_and_rows(ingest, login, alice):
    version = ingest(csv())
    browser = login(alice)

    page = browser.get(version.get_absolute_url()).content.decode()
    fragment = browser.get(
        f"{version.get_absolute_url()}browse/?page=1", headers={"HX-Request": "true"}
    ).content.decode()

    assert version.sha256 in page
    assert "Current: distribution" in page
    assert "w19" in fragment
    assert "<html" not in fragment


def test_the_file_comes_back_as_it_came(ingest, login, alice):
    version = ingest(csv())

    answer = login(alice).get(f"{version.get_absolute_url()}file/")

    assert b"".join(answer.streaming_content) == csv()


def test_deleting_a_dataset_removes_its_files_and_keeps_the_trail(
    ingest, api, alice, django_capture_on_commit_callbacks
):
    version = ingest(csv())

    with django_capture_on_commit_callbacks(execute=True):
        answer = api(alice).delete(f"/api/v1/datasets/{version.dataset_id}/")

    assert answer.status_code == 204
    assert blobs() == []
    assert AuditEvent.objects.get(action="dataset.deleted").summary["sha256"] == [version.sha256]


def test_each_step_is_in_the_audit_trail(ingest):
    ingest(csv())

    actions = list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True))

    assert actions == ["dataset.received", "dataset.mapped", "dataset.ready"]


def test_a_form_without_its_token_is_refused_and_leaves_nothing(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")

    answer = client.post(
        "/datasets/upload/", {"solution": "dummy", "file": SimpleUploadedFile("w.csv", csv())}
    )

    assert answer.status_code == 403
    assert blobs() == []


def test_a_check_that_runs_twice_gives_one_table(ingest, run_jobs):
    version = ingest(csv())
    kept = blobs()
    Job.objects.update(state="queued")

    run_jobs()

    version.refresh_from_db()
    assert version.state == "ready"
    assert blobs() == kept


def test_a_check_that_was_killed_starts_over_and_leaves_no_waste(api_upload, run_jobs, monkeypatch):
    api_upload(csv())
    monkeypatch.setattr("apps.datasets.jobs.convert", _killed)
    with pytest.raises(KeyboardInterrupt):
        run_jobs()
    monkeypatch.undo()
    Job.objects.update(state="queued")

    run_jobs()

    assert DatasetVersion.objects.get().state == "ready"
    assert len(blobs()) == 2


def _killed(*args, out, **kwargs):
    out.write(b"half")
    raise KeyboardInterrupt


def test_a_check_that_failed_gives_the_version_back(
    api_upload, run_jobs, monkeypatch, login, alice
):
    api_upload(csv())
    monkeypatch.setattr("apps.datasets.jobs.convert", _broken)

    run_jobs()

    version = DatasetVersion.objects.get()
    page = login(alice).get(version.get_absolute_url()).content.decode()
    assert version.state == "failed"
    assert version.can_be_mapped
    assert "start the check again" in page
    assert len(blobs()) == 1


def _broken(*args, **kwargs):
    raise RuntimeError("no such luck")


def test_a_cancelled_check_can_be_started_again(api_upload, run_jobs, alice):
    api_upload(csv())
    cancel(Job.objects.get(), alice)

    version = DatasetVersion.objects.get()

    assert version.state == "mapping"


def test_receive_takes_any_stream(alice, team):
    version = services.receive(
        user=alice, team=team, solution="dummy", name="W", filename="w.parquet",
        stream=BytesIO(parquet()), mapping="auto",
    )  # fmt: skip

    assert (version.n_rows, version.format) == (20, "parquet")
    assert storage.exists(version.source_blob)
    assert frame().height == 20


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_while_a_file_is_looked_into(api_upload, api, alice, monkeypatch):
    version = api_upload(csv(header=HEADER.replace("force_kn", "F"))).json()
    mapping = {n: n for n in HEADER.split(",")} | {"force_kn": "F"}
    look, held = services.preview, []

    def watched(version):
        held.append(connection.in_atomic_block)
        return look(version)

    monkeypatch.setattr(services, "preview", watched)

    api(alice).put(f"/api/v1/dataset-versions/{version['id']}/mapping/", {"mapping": mapping})

    assert held == [False]


def test_a_second_click_on_a_mapping_leads_to_the_check(upload, login, alice, monkeypatch):
    sent = upload(csv())
    version = DatasetVersion.objects.get()
    # What the second request has read before the first one wrote.
    services.confirm_mapping(version, {n: n for n in HEADER.split(",")}, alice)
    monkeypatch.setattr(DatasetVersion, "can_be_mapped", True)
    refuse = ConflictError("This one is checking.")
    monkeypatch.setattr(services, "confirm_mapping", Mock(side_effect=refuse))

    answer = login(alice).post(sent.url, {n: n for n in HEADER.split(",")})

    assert answer.url == version.get_absolute_url()
