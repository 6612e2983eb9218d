"""Two models side by side."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from apps.registry.comparison import compare
from apps.registry.services import promote
from tests.apps.workshop import payments, ready_version, trained_model

URL = "/models/compare/"


@pytest.fixture
def version(people):
    return ready_version(people)


@pytest.fixture
def pair(people, tmp_path, version):
    a = trained_model(people, tmp_path, version, accuracy_low=0.88, accuracy_high=0.92)
    b = trained_model(people, tmp_path, version, accuracy=0.95, card={"limits": ["Small.", "New."]})
    b.run.options = {"steps": 9}
    b.run.save()
    return a, b


def figure(found, name):
    return next(one for one in found.figures if one.figure["name"] == name)


def test_figures_are_set_against_each_other(pair):
    found = compare(*pair)

    accuracy, error = figure(found, "accuracy"), figure(found, "error")
    assert accuracy.difference == pytest.approx(0.05)
    assert (accuracy.better, accuracy.is_sure) == ("b", True)
    assert (error.better, error.is_sure) == ("equal", None)


def test_lower_is_better_where_the_solution_says_so(people, tmp_path, version):
    a = trained_model(people, tmp_path, version, error=0.1)
    b = trained_model(people, tmp_path, version, error=0.2)

    assert figure(compare(a, b), "error").better == "a"


def test_within_the_bounds_nothing_is_sure(people, tmp_path, version):
    a = trained_model(people, tmp_path, version, accuracy_low=0.8, accuracy_high=0.97)
    b = trained_model(people, tmp_path, version, accuracy=0.95)

    assert figure(compare(a, b), "accuracy").is_sure is False
    assert figure(compare(b, a), "accuracy").is_sure is False


def test_options_and_limits_that_differ_are_marked(pair):
    found = compare(*pair)

    assert [(one.name, one.a, one.b) for one in found.options if one.differs] == [("steps", 5, 9)]
    assert "Limits" in [one.name for one in found.scope if one.differs]


def test_the_same_rows_give_no_warning(pair):
    found = compare(*pair)

    assert found.same_test
    assert found.warning == ""


def test_other_data_is_warned_of(people, tmp_path, pair):
    other = trained_model(people, tmp_path, ready_version(people, payments(60, seed=3), name="May"))

    found = compare(pair[0], other)

    assert not found.same_test
    assert "different test rows" in found.warning


def test_another_seed_is_warned_of(pair):
    pair[1].run.seed = 7

    assert "seed" in compare(*pair).warning


def test_a_model_without_its_training_is_warned_of(pair):
    pair[1].run = None

    assert "not known" in compare(*pair).warning


def test_the_page_shows_both_and_who_may_promotes_from_there(people, login, pair):
    a, b = pair
    promote(a, people.dora, "First.")
    browser = login(people.dora)
    url = f"{URL}?a={a.pk}&b={b.pk}"

    page = browser.get(url).content.decode()
    browser.post(reverse("registry:promote", args=[b.pk]), {"reason": "Better on the same rows."})

    assert "model 2 is better" in page
    assert "+5.0%" in page
    assert "csrfmiddlewaretoken" in page[page.index("Promote") - 3000 :]
    b.refresh_from_db()
    assert b.stage == "live"


def test_two_that_were_ticked_in_the_list_are_compared(people, login, pair):
    page = login(people.bob).get(f"{URL}?ids={pair[0].pk}&ids={pair[1].pk}").content.decode()

    assert "model 2 is better" in page
    assert "Promote" not in page


def test_without_two_one_is_asked_to_choose(people, login, pair):
    browser = login(people.bob)

    assert "Choose two models" in browser.get(URL).content.decode()
    assert "Choose two models" in browser.get(f"{URL}?a={pair[0].pk}").content.decode()
    assert browser.get(f"{URL}?a=x").status_code == 404


def test_models_of_two_solutions_are_not_compared(people, login, pair, api):
    pair[1].solution = "other"
    pair[1].save()
    query = {"a": pair[0].pk, "b": pair[1].pk}

    page = login(people.bob).get(URL, query).content.decode()
    answer = api(people.bob).get("/api/v1/models/compare/", query)

    assert "must be of one solution" in page
    assert answer.status_code == 409


def test_an_outsider_compares_nothing(people, login, api, pair):
    query = {"a": pair[0].pk, "b": pair[1].pk}

    assert login(people.charlie).get(URL, query).status_code == 404
    assert api(people.charlie).get("/api/v1/models/compare/", query).status_code == 404
    assert "Tiny" not in login(people.charlie).get(URL).content.decode()


def test_rest_compares(people, api, pair):
    client = api(people.bob)

    found = client.get("/api/v1/models/compare/", {"a": pair[0].pk, "b": pair[1].pk}).json()
    refused = client.get("/api/v1/models/compare/", {"a": pair[0].pk})

    assert found["same_test"] is True
    accuracy = next(one for one in found["figures"] if one["name"] == "accuracy")
    assert (accuracy["a"], accuracy["b"], accuracy["better"]) == (0.9, 0.95, "b")
    assert refused.status_code == 400
    assert "b" in json.dumps(refused.json())
