from __future__ import annotations

from typing import Literal

import pytest
from django.urls import reverse
from pydantic import Field

from apps.experiments.forms import PREFIX, TrainForm, field_for
from apps.experiments.models import Metric, TrainingRun
from apps.jobs.models import Job
from solutions.api import Options
from tests.apps.tiny_solution import TinyOptions
from tests.apps.workshop import ready_version, trained_model

URL = "/solutions/tiny/train/"
HTMX = {"HTTP_HX_REQUEST": "true"}


def run_with_curve(people, n_steps=3, state="running") -> TrainingRun:
    version = ready_version(people)
    run = TrainingRun.objects.create(
        team=people.team, created_by=people.alice, solution="tiny", dataset_version=version,
        options={"steps": n_steps}, state=state, token=f"t{TrainingRun.objects.count()}",
    )  # fmt: skip
    for step in range(1, n_steps + 1):
        Metric.objects.create(run=run, name="loss", step=step, value=1 / step)
        Metric.objects.create(run=run, name="batch_loss", step=10 * step, value=1 / step)
    return run


def test_the_form_is_made_from_the_options():
    form = TrainForm(TinyOptions, None)

    steps, shape = form.fields[PREFIX + "steps"], form.fields[PREFIX + "form"]
    assert (steps.initial, steps.min_value, steps.max_value) == (5, 1, 10_000)
    assert "How many points" in steps.help_text
    assert "from 1 to 10,000" in steps.help_text
    assert [value for value, _ in shape.choices] == ["plain", "steep"]
    assert type(form.fields[PREFIX + "is_strict"]).__name__ == "BooleanField"
    assert [field.name for field in form.advanced_fields] == [PREFIX + "breaks", "seed"]


def test_training_starts_with_what_was_chosen(people, login):
    version = ready_version(people)
    form = {"version": version.pk, "option_steps": 9, "option_form": "steep", "seed": 3}

    answer = login(people.alice).post(URL, form)

    run = TrainingRun.objects.get()
    assert answer.url == run.get_absolute_url()
    assert (run.options["steps"], run.options["form"], run.seed) == (9, "steep", 3)
    assert Job.objects.get().params == {"run": str(run.pk)}


def test_a_field_left_empty_takes_its_default(people, login):
    version = ready_version(people)

    login(people.alice).post(URL, {"version": version.pk, "option_steps": ""})

    assert TrainingRun.objects.get().options["steps"] == 5


def test_two_clicks_train_once(people, login):
    version = ready_version(people)
    browser = login(people.alice)
    form = {"version": version.pk, "token": "same"}

    urls = {browser.post(URL, form).url for _ in range(2)}

    assert len(urls) == 1
    assert Job.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"), [("option_steps", 0), ("option_steps", "many"), ("option_pause_s", 10)]
)
def test_a_choice_out_of_bounds_is_told_at_its_field(people, login, field, value):
    version = ready_version(people)

    answer = login(people.alice).post(URL, {"version": version.pk, field: value})

    assert answer.status_code == 422
    assert TrainingRun.objects.count() == 0
    assert b"option_steps" in answer.content


def test_without_data_the_form_says_what_to_do_first(people, login):
    page_ = login(people.alice).get(URL)

    assert b"No data to learn from yet" in page_.content


def test_an_unknown_solution_is_not_found(people, login):
    assert login(people.alice).get("/solutions/nothing/train/").status_code == 404


def test_a_running_training_shows_its_curve_and_asks_for_more(people, login):
    run = run_with_curve(people)
    browser = login(people.alice)

    shown = browser.get(run.get_absolute_url()).content.decode()
    loss = browser.get(f"{run.get_absolute_url()}curves/loss/").json()
    steps = browser.get(f"{run.get_absolute_url()}curves/steps/").json()

    assert 'hx-trigger="every 1s"' in shown
    assert 'data-island="line-chart"' in shown
    assert loss["running"] is True
    assert loss["series"] == [{"name": "loss", "x": [1, 2, 3], "y": [1.0, 0.5, 1 / 3]}]
    assert steps["series"][0]["x"] == [10, 20, 30]
    assert browser.get(f"{run.get_absolute_url()}curves/other/").status_code == 404


def test_polling_ends_with_the_training(people, login):
    run = run_with_curve(people, state="succeeded")
    browser = login(people.alice)

    live = browser.get(f"{run.get_absolute_url()}live/?was=running", **HTMX)

    assert (live.status_code, live["HX-Refresh"]) == (286, "true")
    assert b"every 1s" not in browser.get(run.get_absolute_url()).content


def test_trainings_are_compared_figure_by_figure(people, login):
    runs = [run_with_curve(people, n, "succeeded") for n in (3, 4)]
    ids = ",".join(str(run.pk) for run in runs)

    shown = login(people.bob).get(reverse("experiments:compare"), {"ids": ids}).content.decode()

    assert all(run.short_id in shown for run in runs)
    assert "differs" in shown


def test_an_outsider_cannot_compare(people, login):
    run = run_with_curve(people)
    url = reverse("experiments:compare")

    assert login(people.charlie).get(url, {"ids": run.pk}).status_code == 404
    assert login(people.alice).get(url, {"ids": "x"}).status_code == 404
    assert b"Nothing to compare" in login(people.alice).get(url).content


@pytest.mark.parametrize("part", ["", "live/", "curves/loss/"])
def test_strangers_log_in_outsiders_find_nothing_and_the_team_may(people, client, login, part):
    url = run_with_curve(people).get_absolute_url() + part

    assert client.get(url).status_code == 302
    assert login(people.charlie).get(url).status_code == 404
    assert login(people.bob).get(url).status_code == 200


def test_an_outsider_cannot_train_on_the_data_of_another_team(people, login):
    version = ready_version(people)

    answer = login(people.charlie).post(URL, {"version": version.pk})

    assert answer.status_code == 422
    assert TrainingRun.objects.count() == 0


def test_the_list_takes_few_queries(people, login, tmp_path, django_assert_max_num_queries):
    for _ in range(3):
        trained_model(people, tmp_path)
    browser = login(people.bob)

    with django_assert_max_num_queries(8):
        shown = browser.get(reverse("experiments:index"))

    assert shown.content.count(b"90.0%") == 3


def test_training_over_rest_is_accepted_once(people, api, run_jobs):
    version = ready_version(people)
    client = api(people.alice)
    asked = {"dataset_version": str(version.pk), "options": {"steps": 2}, "seed": 5}
    url = "/api/v1/solutions/tiny/trainings/"

    answers = [client.post(url, asked, HTTP_IDEMPOTENCY_KEY="k") for _ in range(2)]
    run_jobs()
    done = client.get(answers[0]["Location"]).json()

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert done["state"] == "succeeded"
    assert done["model"]
    assert client.get(f"/api/v1/runs/{done['id']}/curves/").json()["loss"] == [[1, 1.0], [2, 0.5]]
    assert api(people.charlie).get(answers[0]["Location"]).status_code == 404


def test_bad_options_over_rest_are_a_problem(people, api):
    version = ready_version(people)
    asked = {"dataset_version": str(version.pk), "options": {"steps": 0}}

    answer = api(people.alice).post("/api/v1/solutions/tiny/trainings/", asked)

    assert answer.status_code == 400
    assert "steps" in answer.json()["detail"]


def test_a_choice_among_numbers_comes_back_as_a_number():
    class Sides(Options):
        side: Literal[64, 96] = Field(64, description="Of the picture.")

    field = field_for("side", Sides.model_fields["side"])

    assert field.clean("96") == 96
    assert Sides(side=field.clean("96")).side == 96
