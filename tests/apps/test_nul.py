"""A NUL: PostgreSQL can store none in a text, so none gets as far as that, on any database."""

from __future__ import annotations

import io

import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings

from apps.datasets.models import DatasetVersion
from tests.apps.datasets.tables import blobs, frame

SEARCHES = (
    "/datasets/?q=%00", "/datasets/?solution=%00", "/jobs/?q=%00", "/jobs/?state=%00",
    "/results/?solution=%00", "/models/?solution=%00", "/runs/?solution=a%00b",
)  # fmt: skip
REST = ("/api/v1/jobs/?kind=%00", "/api/v1/datasets/?solution=%00", "/api/v1/models/?stage=%00")


@pytest.fixture(autouse=True)
def home(tmp_path):
    """Keep what is uploaded in a folder of the test."""
    with override_settings(ASSAY_DATA_DIR=tmp_path, ASSAY_EXTRA_SOLUTIONS=["tests.dummy_solution"]):
        yield


@pytest.mark.parametrize("address", SEARCHES)
def test_a_search_for_it_is_refused_by_a_page(address, login, alice):
    answer = login(alice).get(address)

    assert answer.status_code == 400
    assert "NUL" in answer.content.decode()


@pytest.mark.parametrize("address", REST)
def test_a_search_for_it_is_refused_by_rest(address, api, alice):
    answer = api(alice).get(address)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_a_path_with_it_is_refused(login, alice):
    assert login(alice).get("/datasets/%00/").status_code == 400


@pytest.mark.parametrize("fields", [{"email": "a\0@example.org"}, {"next": "/\0"}])
def test_a_login_with_it_fails_as_any_other(client, db, fields):
    form = {"login": "ada@example.org", "password": "x\0", **fields}

    assert client.post("/accounts/login/", form).status_code in {200, 400}


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/api/v1/solutions/dummy/trainings/", {"dataset_version": "\0", "options": {"a": "\0"}}),
        ("/api/v1/solutions/dummy/predictions/", {"dataset_version": "\0", "token": "\0"}),
        ("/api/v1/solutions/dummy/answers/", {"row": {"seam_id": "\0", "\0": 1}}),
    ],
)
def test_a_body_with_it_is_refused(address, body, api, alice):
    answer = api(alice).post(address, body, format="json")

    assert answer.status_code in {400, 404, 409, 422}, answer.content


def test_a_dataset_named_so_is_refused(api, alice):
    form = {"solution": "dummy", "name": "We\0lds", "mapping": "auto"}
    form["file"] = SimpleUploadedFile("welds.csv", b"a,b\n1,2\n")

    answer = api(alice).post("/api/v1/datasets/", form, format="multipart")

    assert answer.status_code in {400, 422}
    assert blobs() == []


@pytest.mark.parametrize("where", ["cell", "name", "extra cell"])
def test_a_table_that_holds_it_is_rejected_with_a_reason(where, api, alice, run_jobs):
    table = frame(30)
    if where == "cell":
        table = table.with_columns(pl.lit("a\0b").alias(table.columns[0]))
    else:
        name = "a\0b" if where == "name" else "note"
        table = table.with_columns(pl.lit("a\0b").alias(name))
    out = io.BytesIO()
    table.write_parquet(out)
    form = {"solution": "dummy", "name": "Welds", "mapping": "auto"}
    form["file"] = SimpleUploadedFile("welds.parquet", out.getvalue())

    answer = api(alice).post("/api/v1/datasets/", form, format="multipart")
    jobs = run_jobs()

    assert answer.status_code in {202, 422}, answer.content
    assert all(job.state in {"succeeded", "rejected"} for job in jobs), jobs[0].error
    version = DatasetVersion.objects.first()
    if version is not None:
        page = api(alice).get(f"/api/v1/dataset-versions/{version.pk}/")
        assert page.status_code == 200
