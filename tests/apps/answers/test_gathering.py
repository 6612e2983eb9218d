"""Labels become a dataset that can be learnt from; several things are asked in one request."""

from __future__ import annotations

import contextlib
import json
import threading

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from apps.answers import client as models_client
from apps.answers import gathering
from apps.answers.models import Answer
from apps.answers.wire import ModelProcessError
from apps.datasets.models import DatasetVersion
from apps.datasets.services import load_frame, open_media
from apps.jobs import runner
from apps.jobs.models import Job
from tests.apps.answers.test_answers import ROW
from tests.apps.answers.world import picture_model
from tests.apps.pictures import packed, picture
from tests.apps.workshop import trained_model

pytestmark = pytest.mark.django_db(transaction=True)
MANY = "/api/v1/solutions/{}/answers/many/"


def png(n: int, name: str = "a.png"):
    return SimpleUploadedFile(name, picture(n)[0])


def gathered(client, run_jobs, slug: str):
    answer = client.post(f"/api/v1/solutions/{slug}/labels/")
    assert answer.status_code == 202, answer.content
    run_jobs()
    job = Job.objects.get(pk=answer.json()["job"])
    assert job.state == "succeeded", job.error
    run_jobs()
    version = DatasetVersion.objects.exclude(source_blob="none").latest("created_at")
    assert job.result_url == version.get_absolute_url()
    return version


def test_corrected_pictures_become_a_dataset_with_their_boxes(
    models, people, api, run_jobs, tmp_path
):
    picture_model(people, tmp_path)
    client = api(people.alice)
    said = {1: ("fail", ""), 2: ("pass", "A reflection."), 3: ("fail", "A hole."), 4: None}
    for n, words in said.items():
        asked = {"picture": png(n), "row": json.dumps({"part": f"P{n}"})}
        answer = client.post("/api/v1/solutions/picture/answers/", asked, format="multipart")
        if words:
            place = f"/api/v1/answers/{answer.json()['id']}/correct/"
            sent = {"correction": words[0], "reason": words[1]}
            assert client.post(place, sent, format="json").status_code == 200

    version = gathered(client, run_jobs, "picture")

    frame = load_frame(version).sort("part")
    assert frame["part"].to_list() == ["P1", "P2", "P3"]
    x, y, w, h = picture(1)[1]
    assert json.loads(frame["boxes"][0]) == [
        {"label": "square", "x": x, "y": y, "width": w, "height": h}
    ]
    # P2 is good: no box. P3 was failed, but nobody has said where: it is to be drawn on.
    assert frame["boxes"].to_list()[1:] == ["[]", None]
    with open_media(version) as media:
        assert media.read(frame["picture"][2]) == picture(3)[0]
    assert client.get("/api/v1/solutions/picture/labels/").json() == {"count": 2}


def test_corrected_rows_become_new_versions_of_one_dataset(models, people, api, run_jobs, tmp_path):
    trained_model(people, tmp_path)
    client = api(people.alice)
    for n in range(2):
        row = ROW | {"payment_id": f"p{n}"}
        answer = client.post("/api/v1/solutions/tiny/answers/", {"row": row}, format="json")
        place = f"/api/v1/answers/{answer.json()['id']}/correct/"
        client.post(place, {"correction": "good", "reason": "Known."}, format="json")
        version = gathered(client, run_jobs, "tiny")

    assert version.number == 2
    assert load_frame(version)["is_bad"].to_list() == [0, 0]
    assert version.state == "ready"


def at_once(work, n: int = 2) -> list:
    """Do work in threads, each with its own connection; returns what came of it."""
    found = []

    def one() -> None:
        try:
            found.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def together(work, n: int = 2):
    """Return work that waits until all are there, unless a lock lets only one in."""
    all_there = threading.Barrier(n)

    def waiting(*args, **kwargs):
        with contextlib.suppress(threading.BrokenBarrierError):
            all_there.wait(timeout=1)
        return work(*args, **kwargs)

    return waiting


def labelled(people, api) -> None:
    asks = api(people.alice)
    answer = asks.post("/api/v1/solutions/tiny/answers/", {"row": ROW}, format="json")
    asks.post(f"/api/v1/answers/{answer.json()['id']}/correct/", {"correction": "bad"})


def test_two_who_start_at_once_start_one(models, people, api, tmp_path, monkeypatch):
    trained_model(people, tmp_path)
    labelled(people, api)
    monkeypatch.setattr(gathering, "enqueue", together(gathering.enqueue))
    asked = {"user": people.alice, "team": people.team, "solution": "tiny"}

    found = at_once(lambda: gathering.start_gathering(**asked).pk)

    assert len(found) == 2
    assert len(set(found)) == 1
    assert Job.objects.filter(kind="gather_labels").count() == 1


def test_two_that_gather_at_once_share_a_dataset(models, people, api, tmp_path, monkeypatch):
    trained_model(people, tmp_path)
    labelled(people, api)
    monkeypatch.setattr(gathering.datasets, "adopt", together(gathering.datasets.adopt))
    asked = {"user": people.alice, "team": people.team, "solution": "tiny"}

    found = at_once(lambda: gathering.gather(**asked))

    assert {version.number for version in found} == {1, 2}
    assert len({version.dataset_id for version in found}) == 1


def test_without_labels_there_is_no_dataset(people, login, api, tmp_path):
    trained_model(people, tmp_path)

    answer = api(people.alice).post("/api/v1/solutions/tiny/labels/")
    page = login(people.alice).post("/solutions/tiny/labels/", follow=True)

    assert answer.status_code == 422
    assert "There is none" in page.content.decode()
    assert not Job.objects.exists()


def test_an_attempt_after_a_dead_one_makes_no_second_version(models, people, api, tmp_path):
    trained_model(people, tmp_path)
    client = api(people.alice)
    answer = client.post("/api/v1/solutions/tiny/answers/", {"row": ROW}, format="json")
    place = f"/api/v1/answers/{answer.json()['id']}/correct/"
    client.post(place, {"correction": "bad"}, format="json")
    job = Job.objects.get(pk=client.post("/api/v1/solutions/tiny/labels/").json()["job"])
    before = DatasetVersion.objects.count()

    runner.run(job.pk)
    Job.objects.filter(pk=job.pk).update(state="queued")
    runner.run(job.pk)

    assert DatasetVersion.objects.count() == before + 1


def test_labels_of_another_team_are_not_counted(models, people, api, tmp_path):
    trained_model(people, tmp_path)
    answer = api(people.alice).post("/api/v1/solutions/tiny/answers/", {"row": ROW}, format="json")
    place = f"/api/v1/answers/{answer.json()['id']}/correct/"
    api(people.alice).post(place, {"correction": "bad"}, format="json")

    count = "/api/v1/solutions/tiny/labels/"
    assert api(people.bob).get(count).json() == {"count": 1}
    assert api(people.bob).get(f"{count}?since=soon").status_code == 400
    assert api(people.bob).get(f"{count}?since=2999-01-01T00:00:00Z").json() == {"count": 0}
    assert api(people.charlie).get(count).json() == {"count": 0}


def test_several_pictures_are_asked_in_one_request(models, people, api, tmp_path):
    picture_model(people, tmp_path)
    pack = SimpleUploadedFile("x.zip", packed({"c.png": picture(3)[0], "bad.png": b"none"}))

    answer = api(people.alice).post(
        MANY.format("picture"), {"picture": [png(1), pack], "row": '{"part": "P1"}'},
        format="multipart", headers={"Idempotency-Key": "k1"},
    )  # fmt: skip

    told = answer.json()
    assert told["n_answered"] == 2
    assert [one["name"] for one in told["results"]] == ["a.png", "bad.png", "c.png"]
    assert "known form" in told["results"][1]["problem"]
    assert {one["answer"]["thread"] for one in told["results"] if one["answer"]} == {told["thread"]}


def test_several_rows_are_asked_in_one_request(models, people, api, tmp_path):
    trained_model(people, tmp_path)
    rows = [ROW, ROW | {"amount": "much"}, ROW | {"amount": "1"}]

    answer = api(people.alice).post(MANY.format("tiny"), {"rows": rows}, format="json")

    results = answer.json()["results"]
    assert [bool(one["answer"]) for one in results] == [True, False, True]
    assert "must be" in results[1]["problem"]
    assert Answer.objects.count() == 2


def test_where_no_model_answers_at_all_the_request_is_refused_and_may_be_sent_again(
    people, api, settings, tmp_path
):
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "nobody.sock")
    trained_model(people, tmp_path)
    ask = {"rows": [ROW | {"amount": "much"}, ROW]}

    for _ in range(2):
        answer = api(people.alice).post(
            MANY.format("tiny"), ask, format="json", headers={"Idempotency-Key": "k1"}
        )
        assert answer.status_code == 503
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:assay:problem:no-model-process"
        assert "Idempotent-Replay" not in answer


def test_what_is_missing_of_many_is_asked_when_the_request_is_sent_again(
    models, people, api, tmp_path, monkeypatch
):
    trained_model(people, tmp_path)
    ask = {"rows": [ROW | {"payment_id": f"p{n}"} for n in range(3)]}
    whole = models_client.ask

    def broken(question):
        if question.row["payment_id"] != "p0":
            raise ModelProcessError("Nobody is there.")
        return whole(question)

    def sent():
        headers = {"Idempotency-Key": "k1"}
        return api(people.alice).post(MANY.format("tiny"), ask, format="json", headers=headers)

    with monkeypatch.context() as patch:
        patch.setattr(models_client, "ask", broken)
        partly = sent()
    rest, again = sent(), sent()

    assert (partly.status_code, partly.json()["n_answered"]) == (200, 1)
    assert (rest.json()["n_answered"], rest.json()["thread"]) == (3, partly.json()["thread"])
    assert "Idempotent-Replay" not in rest
    assert again["Idempotent-Replay"] == "true"
    assert Answer.objects.count() == 3
    assert Answer.objects.values("thread").distinct().count() == 1


def test_too_many_rows_are_refused(models, people, api, tmp_path):
    trained_model(people, tmp_path)

    answer = api(people.alice).post(MANY.format("tiny"), {"rows": [ROW] * 51}, format="json")

    assert answer.status_code == 422
    assert not Answer.objects.exists()
