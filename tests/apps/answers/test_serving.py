"""Rows that are asked about at the same time share a batch, and nobody notices."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager

import pytest
from django.db import connections

from apps.answers import client as process
from apps.answers.limits import limits_of, memory_budget, require_limits
from apps.answers.models import Answer
from apps.answers.server import ModelServer
from apps.answers.wire import Question
from apps.registry.services import promote, roll_back
from ml_core.errors import BusyError, ConfigError, DataError
from tests.apps.answers.world import picture_model
from tests.apps.pictures import picture
from tests.apps.workshop import trained_model

ROW = {"payment_id": "p1", "time": "2026-03-01 10:00:00", "card_id": "c1", "amount": "95.5"}
ADDRESS = "/api/v1/solutions/tiny/answers/"

pytestmark = pytest.mark.django_db(transaction=True)


def started(path):
    server = ModelServer(path)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    return server, thread


def stopped(server, thread):
    server.shutdown()
    thread.join()
    server.server_close()


class Asking:
    """Questions asked at the same time, each by a thread of its own."""

    def __init__(self, ask, things):
        self.found = [None] * len(things)
        self.threads = [
            threading.Thread(target=self._one, args=(ask, number, thing))
            for number, thing in enumerate(things)
        ]
        for thread in self.threads:
            thread.start()

    def _one(self, ask, number, thing):
        try:
            self.found[number] = ask(thing)
        except Exception as error:  # noqa: BLE001  looked at by the test
            self.found[number] = error
        finally:
            connections.close_all()

    def ended(self):
        for thread in self.threads:
            thread.join(60)
        return self.found


def wait_until(is_so):
    until = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


def n_waiting(server):
    return sum(one["n_waiting"] for one in server.serving.look()["serving"])


@contextmanager
def held_up(server):
    """Let the device be busy for as long as the block lasts."""
    with server.serving._turns.turn(0.0):
        yield


def test_strangers_share_a_batch_and_know_nothing_of_each_other(models, people, tmp_path):
    model = str(trained_model(people, tmp_path).pk)
    alone = process.ask(Question(model, ROW))

    with held_up(models):
        asking = Asking(process.ask, [Question(model, ROW), Question(model, ROW)])
        wait_until(lambda: n_waiting(models) == 2)
    both = asking.ended()

    assert [said.output for said in both] == [alone.output, alone.output]
    assert [said.report for said in both] == [alone.report, alone.report]
    assert alone.output["seen_before"] == 0
    figures = process.look()["serving"][0]
    assert (figures["n_answered"], figures["n_batches"]) == (3, 2)


def test_files_of_one_name_are_not_mixed_up_and_a_bad_one_harms_nobody(models, people, tmp_path):
    model = str(picture_model(people, tmp_path).pk)
    name = "picture/a.png"
    asked = [
        Question(model, {"picture": name}, {name: data})
        for data in (picture(1)[0], picture(3)[0], b"no picture")
    ]
    alone = [process.ask(question) for question in asked[:2]]

    with held_up(models):
        asking = Asking(process.ask, asked)
        wait_until(lambda: n_waiting(models) == 3)
    *good, bad = asking.ended()

    assert [said.output for said in good] == [said.output for said in alone]
    assert [said.report for said in good] == [said.report for said in alone]
    assert [said.output["label"] for said in good] == ["fail", "pass"]
    assert isinstance(bad, DataError)


def test_other_settings_are_another_batch(models, people, tmp_path):
    model = str(picture_model(people, tmp_path).pk)
    files = {"picture/a.png": picture(1)[0]}
    asked = [
        Question(model, {"picture": "picture/a.png"}, files, {"limit": limit})
        for limit in (0.0, 1.0, 0.0)
    ]
    process.ask(asked[0])

    with held_up(models):
        asking = Asking(process.ask, asked)
        wait_until(lambda: n_waiting(models) == 3)
    said = asking.ended()

    assert said[0].output == said[2].output
    assert process.look()["serving"][0]["n_batches"] == 3


@pytest.fixture
def narrow(settings, models, people, tmp_path):
    """A model in whose queue one question has room, and there is one."""
    settings.ASSAY_MODELS_LIMITS = json.dumps({"tiny": {"max_waiting": 1}})
    model = str(trained_model(people, tmp_path).pk)
    with held_up(models):
        asking = Asking(process.ask, [Question(model, ROW)])
        wait_until(lambda: n_waiting(models) == 1)
        yield model
    assert asking.ended()[0].output["label"] == "bad"


def test_a_program_is_told_when_to_come_again(narrow, people, api):
    answer = api(people.alice).post(ADDRESS, {"row": ROW}, format="json")

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert answer.json()["type"] == "urn:assay:problem:busy"
    assert not Answer.objects.exists()


def test_a_program_that_asks_many_is_told_too(narrow, people, api):
    sent = {"rows": [ROW, ROW]}

    answer = api(people.alice).post(f"{ADDRESS}many/", sent, format="json")

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1


def test_a_person_is_told_at_the_page(narrow, people, login):
    page = login(people.alice).post("/solutions/tiny/ask/", ROW)

    assert page.status_code == 429
    assert int(page["Retry-After"]) >= 1
    assert "must have room" in page.content.decode()


def test_a_refusal_is_documented(people, api):
    schema = api(people.alice).get("/api/schema/?format=json").json()

    refusal = schema["components"]["responses"]["TooManyRequests"]
    assert "no room" in refusal["description"]
    assert "Retry-After" in refusal["headers"]
    for path in ("answers/", "answers/many/"):
        answers = schema["paths"][f"/api/v1/solutions/{{slug}}/{path}"]["post"]["responses"]
        assert answers["429"] == {"$ref": "#/components/responses/TooManyRequests"}


def test_a_question_that_is_due_too_soon_is_refused(settings, models, people, tmp_path):
    settings.ASSAY_MODELS_LIMITS = json.dumps({"all": {"timeout_s": 0.05}})
    model = str(trained_model(people, tmp_path).pk)

    with held_up(models), pytest.raises(BusyError, match="before it is due"):
        process.ask(Question(model, ROW))


def test_a_promotion_under_load_loses_no_question(models, people, api, tmp_path):
    old = promote(trained_model(people, tmp_path), people.dora, "First.")
    new = trained_model(people, tmp_path)
    clients = [api(people.alice) for _ in range(3)]
    promoted = threading.Event()

    def ask(client):
        answers = []
        for number in range(6):
            row = ROW | {"payment_id": f"p{number}"}
            answers.append(client.post(ADDRESS, {"row": row}, format="json"))
            if number == 2:
                promoted.wait(30)
        return answers

    asking = Asking(ask, clients)
    promote(new, people.dora, "Better.")
    models.serving.warm()
    promoted.set()
    answers = [answer for found in asking.ended() for answer in found]

    assert [answer.status_code for answer in answers] == [201] * 18
    used = [answer.json()["model"] for answer in answers]
    assert set(used) <= {str(old.pk), str(new.pk)}
    assert all(used[6 * n + place] == str(new.pk) for n in range(3) for place in (4, 5))

    roll_back(new, people.dora, "Worse after all.")
    after = clients[0].post(ADDRESS, {"row": ROW}, format="json")
    assert after.json()["model"] == str(old.pk)


def test_a_restart_loses_no_question(settings, people, tmp_path):
    settings.ASSAY_MODELS_PATIENCE_S = 30
    path = tmp_path / "again.sock"
    settings.ASSAY_MODELS_SOCKET = str(path)
    model = str(trained_model(people, tmp_path).pk)
    first = started(path)
    process.ask(Question(model, ROW))
    with held_up(first[0]):
        asking = Asking(process.ask, [Question(model, ROW)] * 3)
        wait_until(lambda: n_waiting(first[0]) == 3)
    ending = threading.Thread(target=stopped, args=first)
    ending.start()
    later = Asking(process.ask, [Question(model, ROW)] * 3)
    ending.join(60)
    path.unlink()

    second = started(path)
    try:
        said = [*asking.ended(), *later.ended()]
    finally:
        stopped(*second)

    assert [one.output["label"] for one in said] == ["bad"] * 6


def test_live_models_are_loaded_before_somebody_asks(models, people, tmp_path):
    live = promote(trained_model(people, tmp_path), people.dora, "First.")
    trained_model(people, tmp_path)

    models.serving.warm()

    assert process.look()["models"] == [str(live.pk)]


def test_somebody_hears_of_each_model_that_was_loaded(people, tmp_path, settings):
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "m.sock")
    heard = []
    server = ModelServer(tmp_path / "m.sock", lambda: heard.append(server.serving.look()["models"]))
    model = trained_model(people, tmp_path)
    try:
        for _ in range(2):
            server.serving.answer(Question(str(model.pk), ROW))
    finally:
        server.server_close()

    assert len(heard) == 1


def test_figures_of_each_model_are_told_to_prometheus(settings, models, people, client, tmp_path):
    settings.ASSAY_METRICS_TOKEN = "a long random token"
    model = str(trained_model(people, tmp_path).pk)
    process.ask(Question(model, ROW))

    scraped = client.get("/metrics", headers={"Authorization": "Bearer a long random token"})

    labels = f'{{model="{model}",solution="tiny"}}'
    text = scraped.content.decode()
    assert f"assay_model_answered{labels} 1.0" in text
    assert f"assay_model_waiting{labels} 0.0" in text
    assert f"assay_model_budget_ms{labels} 100.0" in text


def test_the_page_of_a_model_tells_how_it_is_served(models, settings, people, login, tmp_path):
    model = trained_model(people, tmp_path)
    browser = login(people.bob)

    before = browser.get(model.get_absolute_url()).content.decode()
    process.ask(Question(str(model.pk), ROW))
    after = browser.get(model.get_absolute_url()).content.decode()
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "nobody.sock")
    alone = browser.get(model.get_absolute_url()).content.decode()

    assert "Not in memory" in before
    assert "of 100 ms" in after
    assert "1, 0, 0" in after
    assert "No process answers" in alone


def test_limits_come_from_the_settings(settings):
    settings.ASSAY_MODELS_LIMITS = json.dumps(
        {"all": {"max_batch_size": 4}, "tiny": {"latency_budget_ms": 20}}
    )
    settings.ASSAY_MODELS_MEMORY_MB = 300

    limits = limits_of("tiny")

    assert (limits.max_batch_size, limits.latency_budget_ms) == (4, 20)
    assert limits_of("picture").latency_budget_ms == 100
    assert memory_budget() == 300 * 2**20


@pytest.mark.parametrize(
    "wrong",
    ["{", "[]", '{"tiny": {"speed": 1}}', '{"tiny": 3}', '{"tiny": {"max_batch_size": "4"}}',
     '{"tiny": {"max_batch_size": 0}}'],
)  # fmt: skip
def test_limits_that_cannot_be_meant_stop_the_process(settings, wrong, tmp_path):
    settings.ASSAY_MODELS_LIMITS = wrong

    with pytest.raises(ConfigError):
        require_limits()
    with pytest.raises(ConfigError):
        ModelServer(tmp_path / "m.sock")
