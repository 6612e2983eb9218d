from __future__ import annotations

import pytest
from django.urls import reverse

from apps.accounts.models import Role
from apps.registry.figures import compared, verdict
from apps.registry.models import ModelVersion
from apps.registry.services import live, promote
from tests.apps.workshop import ready_version, trained_model
from tests.people import make_person

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


def test_one_click_goes_back_to_the_model_before(people, login, tmp_path):
    first, second = trained_model(people, tmp_path), trained_model(people, tmp_path)
    promote(first, people.dora, "Good.")
    promote(second, people.dora, "Better.")
    browser = login(people.dora)
    url = second.get_absolute_url()

    page = browser.get(url).content.decode()
    done = browser.post(f"{url}roll-back/", {"reason": "It misses frauds."}, follow=True)
    again = browser.post(f"{url}roll-back/", {"reason": "It misses frauds."}, follow=True)

    assert "Back to model 1" in page
    assert "Back to model 1: it is live" in done.content.decode()
    assert "not any more" in again.content.decode()
    assert live("tiny", people.team) == first
    assert "none to go back to" in browser.get(first.get_absolute_url()).content.decode()


def test_a_candidate_is_retired_and_brought_back_at_the_page(people, login, tmp_path):
    model = trained_model(people, tmp_path)
    browser, url = login(people.dora), model.get_absolute_url()

    retired = browser.post(f"{url}retire/", {"reason": "Wrong file."}, follow=True)
    restored = browser.post(f"{url}restore/", {"reason": "Right file."}, follow=True)

    assert "is retired" in retired.content.decode()
    assert "is a candidate again" in restored.content.decode()
    assert "Wrong file." in browser.get(url).content.decode()


@pytest.mark.parametrize("move", ["promote", "roll-back", "retire", "restore"])
def test_moves_are_for_who_may(people, login, tmp_path, move):
    url = f"{trained_model(people, tmp_path).get_absolute_url()}{move}/"

    assert login(people.alice).post(url, {"reason": "x"}).status_code == 403
    assert login(people.dora).get(url).status_code == 405


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 3), ({"stage": "live"}, 1), ({"stage": "candidate"}, 2), ({"solution": "tiny"}, 3),
        ({"q": "2"}, 1), ({"q": "march"}, 3), ({"q": "alice"}, 3), ({"q": "nobody"}, 0),
        ({"stage": "no such stage"}, 3), ({"q": "9" * 60}, 0),
    ],
)  # fmt: skip
def test_the_list_is_narrowed(people, login, api, tmp_path, query, found):
    promote(trained_model(people, tmp_path), people.dora, "Good.")
    for _ in range(2):
        trained_model(people, tmp_path)

    page = login(people.bob).get(reverse("registry:index"), query)

    assert len(page.context["lines"]) == found
    if query.get("stage") != "no such stage":
        assert api(people.bob).get("/api/v1/models/", query).json()["count"] == found


def test_many_models_are_paged_on_the_server(people, login, tmp_path):
    version = trained_model(people, tmp_path).run.dataset_version
    for _ in range(27):
        trained_model(people, tmp_path, version)

    page = login(people.bob).get(reverse("registry:index"), {"page": 2})

    assert len(page.context["lines"]) == 3


def test_an_admin_narrows_by_team(people, login, tmp_path):
    trained_model(people, tmp_path)
    version = ready_version(people, owner=people.charlie, team=people.other_team)
    trained_model(people, tmp_path, version, owner=people.charlie)
    browser = login(people.admin)

    assert len(browser.get("/models/").context["lines"]) == 2
    chosen = browser.get("/models/", {"team": str(people.other_team.pk)})
    assert [line["model"].team for line in chosen.context["lines"]] == [people.other_team]


def test_the_forms_of_a_model_stand_side_by_side(people, login, tmp_path):
    forms = [
        {"name": "FP32", "size_mb": 8.1, "latency_ms": 12.5, "accuracy": 0.9, "odd": 1},
        {"name": "INT8", "size_mb": 2.2, "latency_ms": 6.25, "accuracy": 0.89},
        "not a form",
    ]
    model = trained_model(people, tmp_path, card={"variants": forms})

    page = login(people.bob).get(model.get_absolute_url()).content.decode()

    for words in ("INT8", "2.20", "6.25", "89.0%", "Latency, ms"):
        assert words in page
    assert ">odd<" not in page.lower()


def test_the_card_is_taken_away_as_json(people, login, tmp_path):
    model = trained_model(people, tmp_path)

    answer = login(people.bob).get(f"{model.get_absolute_url()}card.json")

    found = answer.json()
    assert answer["Content-Disposition"] == 'attachment; filename="tiny-model-1.json"'
    assert found["lineage"]["data_sha256"] == model.run.data_sha256
    assert found["history"][0]["move"] == "registered"
    assert "blob" not in answer.content.decode()


def test_auditors_find_its_history_and_others_do_not(people, login, tmp_path):
    model = trained_model(people, tmp_path)
    auditor = make_person("Olga", Role.AUDITOR)

    page = login(auditor).get(model.get_absolute_url()).content.decode()

    assert f"/audit/?thing_type=registry.modelversion&amp;thing_id={model.pk}" in page
    assert "/audit/" not in login(people.bob).get(model.get_absolute_url()).content.decode()


def test_a_model_page_takes_few_queries(people, login, tmp_path, django_assert_max_num_queries):
    models = [trained_model(people, tmp_path) for _ in range(4)]
    for model in models:
        promote(model, people.dora, "Better.")
    browser = login(people.dora)
    url = models[-1].get_absolute_url()
    browser.get(url)

    with django_assert_max_num_queries(16):
        browser.get(url)


def test_rest_rolls_back_retires_and_restores(people, api, tmp_path):
    first, second = trained_model(people, tmp_path), trained_model(people, tmp_path)
    third = trained_model(people, tmp_path)
    client, reason = api(people.dora), {"reason": "It misses frauds."}
    for model in (first, second):
        client.post(f"/api/v1/models/{model.pk}/promote/", reason)

    to = client.get(f"/api/v1/models/{second.pk}/").json()["rolls_back_to"]
    back = client.post(f"/api/v1/models/{second.pk}/rollback/", reason).json()
    again = client.post(f"/api/v1/models/{second.pk}/rollback/", reason)
    retired = client.post(f"/api/v1/models/{third.pk}/retire/", reason).json()
    restored = client.post(f"/api/v1/models/{third.pk}/restore/", reason).json()
    silent = client.post(f"/api/v1/models/{third.pk}/retire/", {"reason": " "})

    assert to == back["id"] == str(first.pk)
    assert (again.status_code, again["Content-Type"]) == (409, "application/problem+json")
    assert (retired["stage"], restored["stage"]) == ("retired", "candidate")
    assert [step["move"] for step in restored["history"]] == ["registered", "retired", "restored"]
    assert silent.status_code == 400


def test_rest_keeps_the_second_person(people, api, tmp_path, settings):
    settings.ASSAY_FOUR_EYES = True
    own = trained_model(people, tmp_path, owner=people.dora)

    answer = api(people.dora).post(f"/api/v1/models/{own.pk}/promote/", {"reason": "Mine."})

    assert answer.status_code == 403
    assert "somebody else" in answer.json()["detail"]


def test_the_page_tells_what_a_private_model_promises_and_what_not(people, tmp_path, login):
    told = {
        "epsilon": 3.97, "delta": 1e-5, "unit": "one payment", "accountant": "RDP of Opacus 1.6.0",
        "sampling": "each by itself", "noise_multiplier": 0.8, "max_grad_norm": 1.0, "steps": 1200,
        "units": 30000, "not_covered": ["means of the features"],
    }  # fmt: skip
    private = trained_model(people, tmp_path, card={"privacy": told})
    plain = trained_model(people, tmp_path)
    odd = trained_model(people, tmp_path, card={"privacy": {"epsilon": "none of it"}})
    client = login(people.alice)

    page = client.get(private.get_absolute_url()).content.decode()

    for words in ("Learnt privately", "3.97", "1e-05", "one payment", "means of the features"):
        assert words in page
    for other in (plain, odd):
        assert "Learnt privately" not in client.get(other.get_absolute_url()).content.decode()
