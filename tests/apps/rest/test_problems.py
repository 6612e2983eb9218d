"""Whatever goes wrong at the REST interface is told as problem+json, with what to do."""

from __future__ import annotations

import json

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from apps.rest.limits import CallerLimit, StrangerLimit
from apps.rest.words import DEEPEST, require_storable
from tests.apps.workshop import ready_version, scored

TRAININGS = "/api/v1/solutions/tiny/trainings/"
NOBODY = "00000000-0000-0000-0000-000000000000"
JSON = {"content_type": "application/json"}


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.tiny_solution"]


def told(answer, status: int, word: str = "") -> dict:
    """Assert that an answer is a problem in its standard form, and return it."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    problem = json.loads(answer.content)
    assert problem["status"] == status
    assert problem["type"].startswith("urn:assay:problem:")
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"]
    assert word in json.dumps(problem)
    return problem


PLACES = {
    "no such route": ("get", "/api/v1/nothing/", {}, 404, ""),
    "not under a version": ("get", "/api/nothing", {}, 404, ""),
    "no uuid": ("get", "/api/v1/jobs/not-a-uuid/", {}, 404, ""),
    "no such thing": ("get", f"/api/v1/jobs/{NOBODY}/", {}, 404, ""),
    "no such page": ("get", "/api/v1/jobs/?page=99999999999999999999999", {}, 404, "page"),
    "page of many digits": ("get", f"/api/v1/jobs/?page={'9' * 5000}", {}, 404, "page"),
    "page of words": ("get", "/api/v1/jobs/?page=two", {}, 404, "page"),
    "no such state": ("get", "/api/v1/jobs/?state=fine", {}, 400, "state"),
    "filter by no uuid": ("get", "/api/v1/models/?solution=x&stage=y", {}, 400, "stage"),
    "nul in a query": ("get", "/api/v1/jobs/?kind=a%00b", {}, 400, "NUL"),
    "nul in a path": ("get", "/api/v1/jobs/%00/", {}, 400, "NUL"),
    "wrong method": ("delete", TRAININGS, {}, 405, "DELETE"),
    "method of nobody": ("generic", TRAININGS, {"method": "BREW"}, 405, "BREW"),
    "wants a page": ("get", "/api/v1/jobs/", {"HTTP_ACCEPT": "text/html"}, 406, ""),
    "sends xml": ("post", TRAININGS, {"data": "<a/>", "content_type": "text/xml"}, 415, "xml"),
    "json to files": ("post", "/api/v1/datasets/", {"data": "{}", **JSON}, 415, ""),
    "broken json": ("post", TRAININGS, {"data": '{"a": ', **JSON}, 400, "JSON"),
    "json of latin-1": ("post", TRAININGS, {"data": b'{"a": "\xe9"}', **JSON}, 400, ""),
    "json list": ("post", TRAININGS, {"data": "[1]", **JSON}, 400, "dictionary"),
    "nul in json": ("post", TRAININGS, {"data": '{"options": {"a": "\\u0000"}}', **JSON}, 400,
                    "Unicode"),
    "half a character": ("post", TRAININGS, {"data": '{"options": {"\\ud800": 1}}', **JSON}, 400,
                         "Unicode"),
    "endless": ("post", TRAININGS, {"data": '{"seed": 1e999}', **JSON}, 400, "finite"),
    "not a number": ("post", TRAININGS, {"data": '{"seed": NaN}', **JSON}, 400, ""),
    "deep": ("post", TRAININGS, {"data": "[" * 100_000, **JSON}, 400, ""),
    "deep and whole": ("post", TRAININGS, {"data": "[" * 500 + "]" * 500, **JSON}, 400, "deep"),
    "too long": ("post", TRAININGS, {"data": f'"{"x" * 3_000_000}"', **JSON}, 413, ""),
    "many fields": ("post", "/api/v1/solutions/tiny/answers/",
                    {"data": {f"f{i}": "x" for i in range(2000)}, "format": "multipart"}, 413, ""),
    "broken form": ("post", "/api/v1/datasets/",
                    {"data": b"x", "content_type": "multipart/form-data"}, 400, "boundary"),
    "unknown solution": ("post", "/api/v1/solutions/nobody/trainings/", {}, 404, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", PLACES)
def test_it_is_told_as_a_problem(case, people, api):
    method, url, more, status, word = PLACES[case]
    client = api(people.alice)

    if method == "generic":
        answer = client.generic(more["method"], url)
    else:
        answer = getattr(client, method)(url, **more)

    told(answer, status, word)


@pytest.mark.parametrize("key", ["", "Bearer assay_wrong", "Bearer x", "Basic YTpi", "Bearer"])
def test_a_stranger_is_told_how_to_be_known(key, db):
    answer = APIClient().get("/api/v1/jobs/", headers={"Authorization": key} if key else {})

    problem = told(answer, 401)
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert "Authorization: Bearer" in problem["advice"]


@pytest.mark.parametrize("row", ["9" * 30, "9" * 5000, "0"])
def test_a_row_of_many_digits_is_not_found(row, people, api, tmp_path, run_jobs):
    result = scored(people, tmp_path, run_jobs)
    client = api(people.alice)
    url = f"/api/v1/predictions/{result.pk}/rows/{row}/"

    told(client.get(url), 404)
    told(client.post(f"{url}explain/"), 404)


@pytest.mark.parametrize(
    "query", ["page=0", "page=99999999999999999999", "page_size=1001", "page=x", "min_score=x"]
)
def test_rows_are_paged_within_limits(query, people, api, tmp_path, run_jobs):
    result = scored(people, tmp_path, run_jobs)

    told(api(people.alice).get(f"/api/v1/predictions/{result.pk}/rows/?{query}"), 400)


def test_a_page_is_never_longer_than_allowed(people, api):
    for _ in range(3):
        ready_version(people)
    client = api(people.alice)

    pages = [client.get(f"/api/v1/dataset-versions/?page_size={n}").json() for n in (1, 10**9, -1)]

    assert [len(page["results"]) for page in pages] == [1, 3, 3]
    assert [page["count"] for page in pages] == [3, 3, 3]


def test_each_answer_tells_what_is_left_and_the_last_when_to_come_again(people, api, monkeypatch):
    monkeypatch.setattr(CallerLimit, "THROTTLE_RATES", {"user": "2/min"})
    cache.clear()
    client = api(people.alice)

    answers = [client.get("/api/v1/jobs/") for _ in range(3)]

    assert [a.status_code for a in answers] == [200, 200, 429]
    assert [a["RateLimit-Remaining"] for a in answers] == ["1", "0", "0"]
    assert {a["RateLimit-Limit"] for a in answers} == {"2"}
    assert 50 <= int(answers[2]["Retry-After"]) <= 60
    assert 50 <= int(answers[2]["RateLimit-Reset"]) <= 60
    told(answers[2], 429)


@pytest.mark.parametrize("key", ["", "Bearer assay_wrong", "Bearer x"])
def test_a_stranger_who_asks_too_often_is_told_to_wait(key, db, monkeypatch):
    monkeypatch.setattr(StrangerLimit, "THROTTLE_RATES", {"anon": "2/min"})
    cache.clear()
    client = APIClient(headers={"Authorization": key} if key else {})

    answers = [client.get("/api/v1/jobs/") for _ in range(3)]

    assert [a.status_code for a in answers] == [401, 401, 429]
    assert [a["RateLimit-Remaining"] for a in answers] == ["1", "0", "0"]
    assert 50 <= int(answers[2]["Retry-After"]) <= 60
    told(answers[2], 429)


def test_strangers_use_up_nothing_of_who_is_known(people, api, monkeypatch):
    monkeypatch.setattr(StrangerLimit, "THROTTLE_RATES", {"anon": "1/min"})
    cache.clear()
    stranger = APIClient()

    answers = [stranger.get("/api/v1/jobs/") for _ in range(2)]

    assert [a.status_code for a in answers] == [401, 429]
    assert api(people.alice).get("/api/v1/jobs/").status_code == 200


def test_a_text_at_the_greatest_depth_is_still_taken():
    value: object = "ok"
    for _ in range(DEEPEST):
        value = [value]

    require_storable(value)
