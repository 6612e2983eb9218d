"""Whether the installation works is told to balancers, admins and programs."""

import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import DatabaseError
from django.utils import timezone

from apps.accounts.services import make_key
from apps.answers import client as models_client
from apps.answers.server import ModelServer
from apps.audit.services import record
from apps.jobs import services
from apps.jobs.models import Process
from apps.monitoring import readiness
from apps.monitoring.readings import verify_chain


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    (tmp_path / "home").mkdir()
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "m.sock")
    # The embedded messenger, whatever the suite runs on.
    settings.ASSAY_BROKER_URL, settings.CELERY_BROKER_URL = "", "embedded://localhost/"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"folder": str(tmp_path / "broker")}
    return tmp_path


@pytest.fixture
def model_process(home):
    """The real server, in a thread."""
    server = ModelServer(home / "m.sock")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def alive(db):
    Process.objects.create(name="here:1", kind="worker", queues=["cpu", "gpu"], pool=["here:2"])
    Process.objects.create(name="here:9", kind="beat")


def test_it_is_ready_when_all_parts_answer(model_process, client, db):
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert set(answer.json()["checks"]) == {"database", "broker", "storage", "models"}
    assert answer.json()["reasons"] == {}


def test_without_the_model_process_it_is_not_ready_and_says_why(client, db):
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["models"] == "broken"
    assert list(answer.json()["reasons"]) == ["models"]
    assert "manage.py answer_questions" in answer.json()["reasons"]["models"]


def test_a_model_process_that_hangs_is_not_waited_for(model_process, client, db, monkeypatch):
    monkeypatch.setattr(models_client, "LOOK_S", 0.05)
    monkeypatch.setattr(
        "apps.answers.server.Handler.do_GET", lambda self: threading.Event().wait(1)
    )

    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize("part", ["broker", "storage"])
def test_a_folder_that_takes_no_file_is_a_reason(part, model_process, client, db, home):
    folder = {"broker": home / "broker", "storage": home / "home" / "blobs"}[part]
    folder.write_text("a file stands where the folder should be")

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert list(answer.json()["reasons"]) == [part]
    assert str(home) not in answer.content.decode()


def test_a_data_folder_that_is_gone_breaks_no_page(people, login, settings, home):
    settings.ASSAY_DATA_DIR = home / "a file" / "in the way"
    (home / "a file").write_text("")

    health = login(people.admin).get("/monitoring/").context["health"]

    assert health.disk.state == "bad"
    assert not {check.name: check for check in health.checks}["storage"].is_good


def test_a_broker_that_fails_is_a_reason(model_process, client, db, settings, monkeypatch):
    settings.ASSAY_BROKER_URL = "redis://127.0.0.1:1/0"

    class Down:
        def connection_for_write(self, **_):
            raise OSError("connection refused to 10.0.0.1")

    monkeypatch.setattr(readiness, "run_job", SimpleNamespace(app=Down()))

    answer = client.get("/readyz")

    assert list(answer.json()["reasons"]) == ["broker"]
    assert "10.0.0.1" not in answer.content.decode()


def test_a_database_that_does_not_answer_is_a_reason(model_process, db, monkeypatch):
    def fail():
        raise DatabaseError("secret-host refused")

    monkeypatch.setattr(readiness, "_database", fail)

    found = {check.name: check for check in readiness.checks()}

    assert not found["database"].is_good
    assert "secret-host" not in found["database"].words


def test_the_page_says_that_everything_works(model_process, alive, people, login):
    page = login(people.admin).get("/monitoring/").content.decode()

    assert "Everything works" in page
    assert "here:1" in page
    for library in ("django", "torch", "polars"):
        assert f'<th scope="row">{library}</th>' in page


def test_the_page_says_what_to_do_about_what_does_not_work(people, login, settings):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.catalog.broken"]
    Process.objects.create(
        name="gone:1", kind="worker", queues=["cpu"], seen_at=timezone.now() - timedelta(hours=1)
    )
    services.enqueue(kind="x", title="x", team=people.team, user=None, params={}, queue="gpu")

    answer = login(people.admin).get("/monitoring/")

    warnings = " ".join(answer.context["health"].warnings)
    assert answer.context["health"].state == "bad"
    for words in (
        "manage.py answer_questions", "No worker lives", "The beat does not live",
        "No worker serves the queue gpu, where 1 jobs wait", "no such luck",
    ):  # fmt: skip
        assert words in warnings


def test_the_state_of_the_chain_is_kept(people, model_process, alive, login):
    record("a.thing", actor=people.alice)

    verify_chain()
    answer = login(people.admin).get("/monitoring/")

    assert "1 events, verified" in answer.content.decode()
    assert answer.context["health"].state == "good"


@pytest.mark.parametrize("who", ["alice", "dora"])
@pytest.mark.parametrize("address", ["", "storage/", "storage/measure/", "storage/sweep/"])
def test_only_an_admin_comes_in(people, login, who, address):
    browser = login(getattr(people, who))

    assert 403 in {browser.get(f"/monitoring/{address}").status_code,
                   browser.post(f"/monitoring/{address}").status_code}  # fmt: skip


def test_a_program_reads_health_with_a_key(people, client, model_process, alive):
    token = make_key(
        user=people.admin, team=people.team, name="k", scopes=["monitoring.view"], days=1
    )[1]

    answer = client.get("/api/v1/monitoring/health/", headers={"Authorization": f"Bearer {token}"})

    body = answer.json()
    assert answer.status_code == 200
    assert body["state"] == "good"
    assert {queue["name"]: queue["is_served"] for queue in body["queues"]} == {
        "cpu": True, "gpu": True,
    }  # fmt: skip
    assert body["versions"]["python"].startswith("3.")


def test_the_model_process_tells_which_models_it_holds(model_process, home):
    told = models_client.look()

    assert told["models"] == told["serving"] == []
    assert told["budget_mb"] > told["models_mb"] == 0
    assert told["memory_mb"] > 10
