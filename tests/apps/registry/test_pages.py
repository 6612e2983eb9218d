from __future__ import annotations

import pytest
from django.urls import reverse

from apps.registry.figures import compared, verdict
from apps.registry.models import ModelVersion
from apps.registry.services import live, promote
from tests.apps.workshop import trained_model

METRICS = {"accuracy": 0.9, "error": 0.1, "baseline_accuracy": 0.8, "baseline_error": 0.2}


def test_the_card_says_what_the_model_is(people, login, tmp_path):
    model = trained_model(people, tmp_path, accuracy_low=0.85, accuracy_high=0.95)

    shown = login(people.bob).get(model.get_absolute_url()).content.decode()

    for words in (
        "Tiny model 1", "90.0%", "85.0% to 95.0%", "80.0%", "The model is better than the baseline",
        "Small.", "Generated.", "AGPL-3.0-or-later", model.manifest["model.json"]["sha256"],
        model.run.data_sha256,
    ):  # fmt: skip
        assert words in shown


def test_a_model_worse_than_its_baseline_is_called_so():
    figures = compared("tiny", METRICS | {"accuracy": 0.7}, {})

    said = verdict(figures, "baseline")

    assert said["tone"] == "warning"
    assert "The baseline is better than this model" in said["text"]


def test_a_difference_within_the_interval_is_not_claimed():
    bounds = {"accuracy_low": 0.75, "accuracy_high": 0.95}

    said = verdict(compared("tiny", METRICS | bounds, {}), "baseline")

    assert said["tone"] == "neutral"
    assert "cannot be told apart" in said["text"]


def test_lower_is_better_where_the_solution_says_so():
    figures = {figure["name"]: figure for figure in compared("tiny", METRICS, {})}

    assert list(figures) == ["accuracy", "error"]
    assert figures["error"]["is_better"] is True


def test_without_a_baseline_nothing_is_compared():
    assert verdict(compared("tiny", {"accuracy": 0.9}, {}), "baseline") is None


def test_an_approver_promotes_with_a_reason(people, login, tmp_path):
    model = trained_model(people, tmp_path)
    browser = login(people.dora)

    refused = browser.post(f"{model.get_absolute_url()}promote/", {"reason": " "}, follow=True)
    done = browser.post(f"{model.get_absolute_url()}promote/", {"reason": "Good."}, follow=True)

    assert b"must have a reason" in refused.content
    assert b"is live" in done.content
    assert live("tiny", people.team) == model


def test_an_analyst_sees_no_way_to_promote_and_has_none(people, login, tmp_path):
    model = trained_model(people, tmp_path)
    browser = login(people.alice)

    assert b"Make it live" not in browser.get(model.get_absolute_url()).content
    assert browser.post(f"{model.get_absolute_url()}promote/").status_code == 403


def test_outsiders_find_nothing(people, client, login, tmp_path):
    model = trained_model(people, tmp_path)

    assert client.get(model.get_absolute_url()).status_code == 302
    assert login(people.charlie).get(model.get_absolute_url()).status_code == 404
    assert b"Tiny model" not in login(people.charlie).get(reverse("registry:index")).content


def test_models_are_listed_by_stage_in_few_queries(
    people, login, tmp_path, django_assert_max_num_queries
):
    promote(trained_model(people, tmp_path), people.dora, "Good.")
    for _ in range(3):
        trained_model(people, tmp_path)
    browser = login(people.bob)

    with django_assert_max_num_queries(10):
        shown = browser.get(reverse("registry:index")).content.decode()

    assert shown.index("Live") < shown.index("Tiny model 4")
    assert shown.count("Tiny model") == 4


def test_rest_lists_shows_and_promotes(people, api, tmp_path):
    model = trained_model(people, tmp_path)
    client = api(people.dora)

    listed = client.get("/api/v1/models/", {"stage": "candidate"}).json()
    shown = client.get(f"/api/v1/models/{model.pk}/").json()
    promoted = client.post(f"/api/v1/models/{model.pk}/promote/", {"reason": "Good."}).json()

    assert listed["count"] == 1
    assert {file["name"] for file in shown["files"]} == {"model.json", "card.json"}
    assert "blob" not in str(shown)
    assert promoted["stage"] == "live"


@pytest.mark.parametrize(("name", "status"), [("alice", 403), ("charlie", 403)])
def test_rest_promotes_for_nobody_without_the_right(people, api, tmp_path, name, status):
    model = trained_model(people, tmp_path)
    user = getattr(people, name)

    answer = api(user).post(f"/api/v1/models/{model.pk}/promote/", {"reason": "Good."})

    assert answer.status_code == status
    assert ModelVersion.objects.get().stage == "candidate"
