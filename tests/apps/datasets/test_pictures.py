"""An archive of pictures goes in, is checked, learnt from, scored and asked about."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from apps.datasets.models import DatasetVersion
from apps.datasets.services import load_frame, open_media
from apps.experiments.services import start_training
from apps.inference.results import Query, ResultTable
from apps.inference.services import start_scoring
from apps.registry.models import ModelVersion
from ml_core.data.labels.box import from_text
from tests.apps.datasets.tables import blobs
from tests.apps.pictures import damaged, packed, picture, squares_files, squares_zip


@pytest.fixture(autouse=True)
def picture_solution(settings, tmp_path):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.picture_solution"]
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"


def upload(browser, data: bytes, name: str = "parts.zip"):
    sent = {"solution": "picture", "name": "", "file": SimpleUploadedFile(name, data)}
    return browser.post("/datasets/upload/", sent)


def test_an_archive_is_checked_and_shown_as_pictures(people, login, run_jobs):
    browser = login(people.alice)

    answer = upload(browser, squares_zip(6))
    run_jobs()

    version = DatasetVersion.objects.get()
    assert answer["Location"] == version.get_absolute_url()
    assert (version.state, version.n_rows, version.format) == ("ready", 6, "pictures")
    assert len(from_text(load_frame(version)["boxes"][1])) == 1
    with open_media(version) as media:
        assert media.read("images/p01.png") == picture(1)[0]
    page = browser.get(f"/datasets/versions/{version.pk}/browse/").content.decode()
    assert page.count("<img") == 6
    assert "1 box" in page
    small = browser.get(f"/datasets/versions/{version.pk}/pictures/2/?small")
    assert Image.open(io.BytesIO(small.content)).format == "JPEG"
    assert browser.get(f"/datasets/versions/{version.pk}/pictures/7/").status_code == 404


def test_a_single_picture_becomes_an_archive_of_one(people, login, run_jobs):
    browser = login(people.alice)
    upload(browser, picture(1)[0], "part 7.png")
    run_jobs()

    version = DatasetVersion.objects.get()
    assert (version.state, version.n_rows, version.dataset.name) == ("ready", 1, "part 7")
    assert load_frame(version)["picture"].to_list() == ["part 7.png"]
    file = browser.get(f"/datasets/versions/{version.pk}/file/")
    assert 'filename="part 7.zip"' in file["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(b"".join(file.streaming_content))) as archive:
        assert archive.namelist() == ["part 7.png"]


@pytest.mark.parametrize(("name", "n_bytes"), [("12:30.png", 0), ("large.png", 5_000)])
def test_a_single_picture_that_is_refused_leaves_nothing(
    people, login, settings, monkeypatch, name, n_bytes
):
    monkeypatch.setattr("ml_core.data.archive.MOST_MEMBER_BYTES", 4_999)

    answer = upload(login(people.alice), picture(1)[0] + bytes(n_bytes), name)

    assert answer.status_code == 422
    assert not DatasetVersion.objects.exists()
    assert not blobs()


def test_bad_pictures_and_boxes_are_named_and_nothing_is_ready(people, login, run_jobs):
    files = squares_files(4)
    files["images/p01.png"] = files["images/p01.png"][:100]
    files["labels/p02.txt"] = "0 nan 1 1 1\n"
    upload(login(people.alice), packed(files))
    run_jobs()

    version = DatasetVersion.objects.get()
    told = " ".join(issue["message"] for issue in version.issues)
    assert version.state == "rejected"
    assert "images/p01.png" in told
    assert "labels/p02.txt, line 1" in told


def test_a_picture_that_cannot_be_unpacked_is_named(people, login, run_jobs):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in squares_files(4).items():
            archive.writestr(name, data)
    upload(login(people.alice), damaged(out, "images/p01.png"))
    run_jobs()

    version = DatasetVersion.objects.get()
    assert version.state == "rejected"
    assert "images/p01.png" in " ".join(issue["message"] for issue in version.issues)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no zip", "whole ZIP"),
        (packed({"../a.png": b"x"}), "stay in the folder"),
        (b"", "whole ZIP"),
    ],
    ids=["noise", "leads out", "empty"],
)
def test_a_hostile_archive_is_refused_at_once_and_nothing_is_kept(
    people, login, settings, data, reason
):
    answer = upload(login(people.alice), data)

    assert answer.status_code == 422
    assert reason in answer.content.decode()
    assert not DatasetVersion.objects.exists()
    assert not [p for p in settings.ASSAY_DATA_DIR.rglob("*") if p.is_file()]


@pytest.mark.django_db(transaction=True)
def test_pictures_are_learnt_from_in_a_child_and_scored_with_settings(people, login, run_jobs):
    upload(login(people.alice), squares_zip(12))
    run_jobs()
    version = DatasetVersion.objects.get()

    start_training(user=people.alice, solution="picture", version=version, options={})
    [training] = run_jobs()
    assert training.state == "succeeded", training.error
    assert ModelVersion.objects.get().metrics["accuracy"] == 1.0

    result = start_scoring(user=people.alice, version=version, settings={"limit": 0.9})
    run_jobs()
    result.refresh_from_db()
    assert (result.state, result.n_alerts, result.settings) == ("succeeded", 8, {"limit": 0.9})
    first = ResultTable(result).page(Query(), 0, 1).frame.to_dicts()[0]
    assert first["label"] == "fail"
    assert '"square"' in first["found"]
