"""Every question about every picture of a folder, by page and by program."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.datasets import storage
from apps.datasets.models import DatasetVersion
from apps.inference.models import Prediction
from apps.jobs import runner
from apps.jobs.models import Job
from tests.apps.answers.world import picture_model
from tests.apps.pictures import packed, picture

PAGE = "/solutions/question/table/"
REST = "/api/v1/solutions/question/tables/"
ASKED = "Is it bright?\n=cmd()\n\nIs it bright?\n"


@pytest.fixture(autouse=True)
def question_solution(settings):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.question_solution", "tests.apps.tiny_solution"]


@pytest.fixture(autouse=True)
def model(people, tmp_path):
    return picture_model(people, tmp_path, "question")


def pack(n: int = 3):
    files = {f"set/p{i}.png": picture(i)[0] for i in range(n)}
    # A table of its own would be taken for the questions.
    return packed(files | {"notes.csv": "picture,question\np0.png,What?\n", "readme.txt": "Hello"})


def sent(**fields):
    return {"file": SimpleUploadedFile("set.zip", pack()), "questions": ASKED} | fields


def started(answer, run_jobs):
    assert answer.status_code in {202, 302}, answer.content
    run_jobs()
    return Prediction.objects.get()


def blobs(settings) -> set[str]:
    root = Path(settings.ASSAY_DATA_DIR) / "blobs"
    return {path.name for path in root.rglob("*") if path.is_file()}


def test_every_question_is_asked_of_every_picture(people, login, run_jobs):
    browser = login(people.alice)

    prediction = started(browser.post(PAGE, sent(setting_limit="0.25")), run_jobs)

    assert (prediction.state, prediction.n_rows) == ("succeeded", 6)
    assert prediction.settings["limit"] == 0.25
    page = browser.get(f"/results/{prediction.pk}/table/").content.decode()
    assert page.count("<tr>") == 4
    assert "Is it bright? yes" in page
    assert "25%" in page
    assert "By picture" in browser.get(f"/results/{prediction.pk}/").content.decode()


def test_the_table_is_taken_away_and_no_spreadsheet_runs_it(people, login, run_jobs):
    browser = login(people.alice)
    prediction = started(browser.post(PAGE, sent()), run_jobs)
    place = f"/results/{prediction.pk}/table"

    csv = browser.get(f"{place}.csv").content.decode().splitlines()
    parquet = pl.read_parquet(io.BytesIO(browser.get(f"{place}.parquet").content))

    assert csv[0] == "picture,Is it bright?,'=cmd()"
    assert csv[2] == "set/p1.png,Is it bright? yes,'=cmd() yes"
    assert parquet.columns == ["picture", "Is it bright?", "=cmd()"]
    assert parquet.height == 3
    assert browser.get(f"{place}.exe").status_code == 404


def test_questions_come_from_a_file(people, login, run_jobs):
    file = SimpleUploadedFile("q.csv", b"id,asked\n1,Is it dark?\n2,Is it bright?\n")

    prediction = started(
        login(people.alice).post(PAGE, sent(questions="", questions_file=file)), run_jobs
    )

    assert prediction.n_rows == 6


def test_a_program_asks_and_the_same_key_asks_once(people, api, run_jobs):
    client = api(people.alice)
    for _ in range(2):
        answer = client.post(
            REST, sent(questions='["Is it bright?"]', settings='{"limit": 0.3}'),
            format="multipart", headers={"Idempotency-Key": "k1"},
        )  # fmt: skip

    prediction = started(answer, run_jobs)

    assert prediction.n_rows == 3
    place = f"/api/v1/predictions/{prediction.pk}"
    assert client.get(f"{place}/rows/").json()["count"] == 3
    assert client.get(f"{place}/table.csv").content.startswith(b"picture,Is it bright?")
    assert api(people.charlie).get(f"{place}/table.csv").status_code == 404


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"questions": " \n "}, "must be given"),
        ({"questions": "\n".join(map(str, range(501)))}, "must be 1 to 500"),
        ({"file": SimpleUploadedFile("set.zip", packed({"a.txt": b"x"}))}, "must hold pictures"),
        ({"file": SimpleUploadedFile("set.zip", b"PK cut")}, "whole ZIP"),
        ({"file": SimpleUploadedFile("set.zip", packed({"../a.png": b"x"}))}, "stay in the folder"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_nothing_is_kept(
    people, login, settings, fields, words
):
    before = blobs(settings)

    page = login(people.alice).post(PAGE, sent(**fields))

    assert page.status_code == 422
    assert words in page.content.decode()
    assert not Prediction.objects.exists()
    assert not DatasetVersion.objects.filter(format="pictures").exclude(source_blob="none").exists()
    assert blobs(settings) == before


def of_questions(n: int, letters: int):
    asked = "".join(f'"{i}, ""so"": {"x" * letters}"\n' for i in range(n))
    return SimpleUploadedFile("q.csv", f"question\n{asked}".encode())


@pytest.mark.parametrize(
    ("n_pictures", "name", "n_questions", "letters"),
    [(200, "p.png", 20, 19_000), (180, f"{'p' * 1_000}.png", 500, 1)],
)
def test_a_table_beyond_all_memory_is_refused_before_it_is_written(
    people, login, settings, n_pictures, name, n_questions, letters
):
    before = blobs(settings)
    file = SimpleUploadedFile("set.zip", packed({f"{i}{name}": b"x" for i in range(n_pictures)}))
    asked = of_questions(n_questions, letters)

    page = login(people.alice).post(PAGE, sent(file=file, questions="", questions_file=asked))

    assert page.status_code == 422
    assert "must be at most 64 MiB" in page.content.decode()
    assert not Prediction.objects.exists()
    assert blobs(settings) == before


def test_a_large_table_is_written_in_pieces_and_is_whole(people, login, run_jobs, monkeypatch):
    pieces = []
    write = storage.BlobWriter.write

    def watched(self, data):
        pieces.append(len(data))
        return write(self, data)

    monkeypatch.setattr(storage.BlobWriter, "write", watched)

    fields = sent(questions="", questions_file=of_questions(400, 3_000))
    prediction = started(login(people.alice).post(PAGE, fields), run_jobs)

    assert sum(pieces) > 3_000_000
    assert max(pieces) < 1_500_000
    assert (prediction.state, prediction.n_rows) == ("succeeded", 1_200)


def test_the_upload_itself_is_not_kept_beside_what_was_made_of_it(people, login, settings):
    before = blobs(settings)

    login(people.alice).post(PAGE, sent())

    assert len(blobs(settings) - before) == 1
    with storage.open_blob(Prediction.objects.get().dataset_version.source_blob) as stream:
        assert b"readme.txt" not in stream.read()


def test_a_bad_picture_or_question_rejects_the_table_with_its_reasons(people, login, run_jobs):
    bad = packed({"a.png": picture(1)[0], "b.png": b"no picture"})

    prediction = started(
        login(people.alice).post(PAGE, sent(file=SimpleUploadedFile("set.zip", bad))), run_jobs
    )

    assert prediction.state == "rejected"
    assert "must be of a known form" in prediction.job.error


def test_a_table_that_is_cancelled_before_it_begins_stays_cancelled(people, login, run_jobs):
    browser = login(people.alice)
    browser.post(PAGE, sent())
    job = Job.objects.get(kind="ask_table")

    browser.post(f"/jobs/{job.pk}/cancel/")
    run_jobs()

    assert Prediction.objects.get().state == "cancelled"


def test_one_worker_that_takes_the_table_first_does_the_check_itself(people, login):
    login(people.alice).post(PAGE, sent())

    job = runner.run(Job.objects.get(kind="ask_table").pk)

    assert job.state == "succeeded"
    assert Prediction.objects.get().is_ready


def test_a_solution_without_questions_has_no_table(people, login, api):
    assert login(people.alice).get("/solutions/tiny/table/").status_code == 404
    answer = api(people.alice).post("/api/v1/solutions/tiny/tables/", sent(), format="multipart")
    assert answer.status_code == 404
