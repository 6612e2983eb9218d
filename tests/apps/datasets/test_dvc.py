"""Files come from repositories of DVC and go into them, held against their digests."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from apps.audit.models import AuditEvent
from apps.datasets.models import DatasetVersion
from apps.datasets.quarantine import keep_good_rows
from ml_core.data.dvc_files import cache_path, dvc_file
from tests.apps.datasets.tables import blobs, csv, rows
from tests.apps.pictures import picture, squares_files

DATA = csv()


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()  # noqa: S324  what DVC uses


def repository(data: bytes = DATA, **more: bytes | str) -> bytes:
    digest = md5(data)
    files = {"data/welds.csv.dvc": dvc_file("welds.csv", digest, len(data)),
             cache_path(digest): data, **more}  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def bring(api, alice):
    def send(data: bytes, **fields):
        form = {"solution": "dummy", "file": SimpleUploadedFile("repository.zip", data), **fields}
        return api(alice).post("/api/v1/datasets/dvc/", form, format="multipart")

    return send


def test_a_file_is_taken_out_of_the_cache_and_checked_as_any_upload(bring, run_jobs):
    answer = bring(repository())
    run_jobs()

    assert answer.status_code == 201, answer.content
    version = DatasetVersion.objects.get()
    assert (version.state, version.origin, version.n_rows) == ("ready", "dvc", 20)
    assert version.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (version.filename, version.dataset.name) == ("welds.csv", "welds.csv")
    assert AuditEvent.objects.get(action="dataset.imported").summary["md5"] == md5(DATA)
    assert len(blobs()) == 2  # the file and the table: nothing of the repository


def test_at_the_page_its_columns_are_confirmed(login, alice):
    form = {"solution": "dummy", "name": "Welds", "entry": "data/welds.csv",
            "file": SimpleUploadedFile("repository.zip", repository())}  # fmt: skip

    answer = login(alice).post("/datasets/import-dvc/", form)

    version = DatasetVersion.objects.get()
    assert answer["Location"] == f"/datasets/versions/{version.pk}/mapping/"
    assert version.origin == "dvc"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no archive", "whole ZIP"),
        (repository(**{cache_path(md5(DATA)): DATA[:-1]}), "another digest"),
        (repository(**{"data/welds.csv.dvc": dvc_file("../../etc", md5(DATA), 1)}), "inside of"),
        (repository(b"no table"), "must be separated"),
    ],
    ids=["no archive", "another file", "leads out", "no table"],
)
def test_what_cannot_be_trusted_is_refused_and_nothing_is_kept(data, reason, bring, login, alice):
    answer = bring(data)
    form = {"solution": "dummy", "file": SimpleUploadedFile("repository.zip", data)}
    page = login(alice).post("/datasets/import-dvc/", form)

    assert answer.status_code == 422
    assert reason in answer.json()["detail"]
    assert page.status_code == 422
    assert reason in page.content.decode()
    assert not DatasetVersion.objects.exists()
    assert not blobs()


def test_what_was_exported_is_imported_as_the_same_content(ingest, login, alice, bring, run_jobs):
    first = ingest(DATA)
    exported = login(alice).get(f"/datasets/versions/{first.pk}/dvc/")
    packed = b"".join(exported.streaming_content)

    assert bring(packed).status_code == 201
    run_jobs()

    second = DatasetVersion.objects.latest("created_at")
    assert second.sha256 == first.sha256
    assert second.content_sha256 == first.content_sha256
    assert AuditEvent.objects.filter(action="dataset.exported").count() == 1


def test_a_version_without_a_file_of_its_own_is_exported_as_its_table(ingest, api, alice, run_jobs):
    keep_good_rows(ingest(csv([*rows(5), "w9,never,e1,1,1,0"])), alice)
    run_jobs()
    kept = DatasetVersion.objects.get(origin="quarantine")

    answer = api(alice).get(f"/api/v1/dataset-versions/{kept.pk}/dvc/")

    names = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))).namelist()
    assert "welds-v2.parquet.dvc" in names


def test_a_directory_of_pictures_becomes_an_archive_of_them(settings, bring, run_jobs):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.picture_solution", "tests.dummy_solution"]
    files = {k: v for k, v in squares_files(3).items() if isinstance(v, bytes)}
    told = json.dumps([{"md5": md5(data), "relpath": name} for name, data in files.items()])
    own = f"{md5(told.encode())}.dir"
    kept = {cache_path(md5(data)): data for data in files.values()}
    more = {"parts.dvc": f"outs:\n- md5: {own}\n  path: parts\n", cache_path(own): told, **kept}

    answer = bring(repository(**more), solution="picture", entry="parts")
    refused = bring(repository(**more), entry="parts")
    run_jobs()

    assert answer.status_code == 201, answer.content
    assert refused.status_code == 422
    assert "must be one file" in refused.json()["detail"]
    version = DatasetVersion.objects.get()
    assert (version.state, version.n_rows, version.filename) == ("ready", 3, "parts.zip")


def test_a_directory_that_names_one_file_without_end_does_not_fill_the_disk(
    settings, bring, monkeypatch
):
    """What is packed is counted, not what the repository holds: one file may stand for many."""
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.picture_solution", "tests.dummy_solution"]
    monkeypatch.setattr("ml_core.data.archive.MOST_BYTES", 40_000)
    data = bytes(range(256)) * 40
    told = json.dumps([{"md5": md5(data), "relpath": f"{i}.png"} for i in range(5)])
    own = f"{md5(told.encode())}.dir"
    more = {"parts.dvc": f"outs:\n- md5: {own}\n  path: parts\n", cache_path(own): told,
            cache_path(md5(data)): data}  # fmt: skip

    answer = bring(repository(**more), solution="picture", entry="parts")

    assert answer.status_code == 422
    assert "at most 40,000 bytes" in answer.json()["detail"]
    assert "'3.png'" in answer.json()["detail"]
    assert not DatasetVersion.objects.exists()
    assert not blobs()


def test_a_single_picture_is_exported_and_imported_as_the_archive_that_is_kept_of_it(
    settings, people, login, bring, run_jobs
):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.picture_solution", "tests.dummy_solution"]
    browser = login(people.alice)
    sent = {"solution": "picture", "file": SimpleUploadedFile("part 7.png", picture(1)[0])}
    browser.post("/datasets/upload/", sent)
    run_jobs()
    first = DatasetVersion.objects.get()
    exported = browser.get(f"/datasets/versions/{first.pk}/dvc/")

    answer = bring(b"".join(exported.streaming_content), solution="picture")
    run_jobs()

    assert answer.status_code == 201, answer.content
    second = DatasetVersion.objects.latest("created_at")
    assert (second.state, second.n_rows) == ("ready", 1)
    assert second.content_sha256 == first.content_sha256


def test_a_folder_of_the_server_is_imported_by_a_command(people, tmp_path, run_jobs):
    with zipfile.ZipFile(io.BytesIO(repository())) as archive:
        archive.extractall(tmp_path / "repository")
    words = ["import_dvc", str(tmp_path / "repository"), "--solution=dummy", "--team=fraud-desk"]
    out = io.StringIO()

    call_command(*words, "--name=Welds", stdout=out)
    run_jobs()

    version = DatasetVersion.objects.get()
    assert version.state == "ready"
    assert str(version.pk) in out.getvalue()
    with pytest.raises(CommandError, match="must have the entry"):
        call_command(*words, "--entry=nothing.csv")
    with pytest.raises(CommandError, match="A team must exist"):
        call_command(*words[:-1], "--team=nobody")
