from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.datasets.models import DatasetVersion


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    """Give each test a storage of its own, and the welds as a solution."""
    settings.ASSAY_DATA_DIR = tmp_path
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.dummy_solution"]
    return tmp_path


@pytest.fixture
def upload(login, alice):
    """Return a function that sends a file through the upload page."""

    def send(content: bytes, filename: str = "welds.csv", user=alice, **fields):
        form = {"solution": "dummy", "name": "Welds", **fields}
        form["file"] = SimpleUploadedFile(filename, content)
        return login(user).post("/datasets/upload/", form)

    return send


@pytest.fixture
def api_upload(api, alice):
    """Return a function that sends a file through the REST interface."""

    def send(content: bytes, filename: str = "welds.csv", user=alice, **fields):
        form = {"solution": "dummy", "name": "Welds", **fields}
        form["file"] = SimpleUploadedFile(filename, content)
        return api(user).post("/api/v1/datasets/", form, format="multipart")

    return send


@pytest.fixture
def ingest(api_upload, run_jobs):
    """Return a function that uploads a file, has it checked, and returns its version."""

    def send(content: bytes, filename: str = "welds.csv", **fields) -> DatasetVersion:
        answer = api_upload(content, filename, **fields)
        assert answer.status_code == 202, answer.content
        run_jobs()
        return DatasetVersion.objects.get(pk=answer.json()["id"])

    return send
