"""Figures for Prometheus: never open, right at the scrape, added up over processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from apps.accounts.services import make_key
from apps.answers.models import Answer
from apps.jobs import services
from apps.jobs.models import Process
from apps.monitoring import requests
from apps.monitoring.readings import verify_chain
from apps.monitoring.storage import measure
from apps.registry.models import ModelVersion

TOKEN = "a long random token"
ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
COUNT = """
import django
django.setup()
from apps.monitoring.requests import REQUESTS
REQUESTS.labels("jobs:index", "GET", "2xx").observe(0.02)
"""


@pytest.fixture(autouse=True)
def open_to_the_token(settings, tmp_path):
    settings.ASSAY_METRICS_TOKEN = TOKEN
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "m.sock")
    settings.ASSAY_DATA_DIR = tmp_path


def scrape(client, token=TOKEN, **headers):
    return client.get("/metrics", headers={"Authorization": f"Bearer {token}", **headers})


def figures(client) -> dict[tuple, float]:
    text = scrape(client).content.decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text) for sample in family.samples
    }  # fmt: skip


def test_without_the_token_there_is_nothing(client, db):
    assert client.get("/metrics").status_code == 401
    assert scrape(client, token="another").status_code == 401


def test_an_installation_without_a_token_is_closed(client, db, settings):
    settings.ASSAY_METRICS_TOKEN = ""

    assert scrape(client, token="").status_code == 401


def test_the_token_opens_nothing_else(client, db):
    for path in ("/api/v1/jobs/", "/api/v1/monitoring/health/"):
        answer = client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 401


@pytest.mark.parametrize(("scope", "status"), [("monitoring.view", 200), ("jobs.view", 403)])
def test_a_key_opens_it_with_the_scope(people, client, scope, status):
    token = make_key(user=people.admin, team=people.team, name="k", scopes=[scope], days=1)[1]

    assert scrape(client, token).status_code == status


def test_somebody_logged_in_is_not_enough(people, login):
    assert login(people.admin).get("/metrics").status_code == 401


def test_it_speaks_the_format_that_is_asked_for(client, db):
    plain = scrape(client)
    modern = scrape(client, Accept=ACCEPT)

    assert plain["Content-Type"].startswith("text/plain")
    assert modern["Content-Type"].startswith("application/openmetrics-text")
    assert modern.content.endswith(b"# EOF\n")


def test_it_tells_jobs_queues_and_workers(people, client):
    services.enqueue(kind="score", title="x", team=people.team, user=None, params={})
    Process.objects.create(name="here:1", kind="worker", queues=["cpu"], pool=[])

    found = figures(client)

    assert found["assay_jobs", ("kind", "score"), ("state", "queued")] == 1
    assert found["assay_queue_waiting", ("queue", "cpu")] == 1
    assert found["assay_queue_workers", ("queue", "cpu")] == 1
    assert found["assay_queue_workers", ("queue", "gpu")] == 0
    assert found["assay_process_silent_seconds", ("kind", "worker"), ("name", "here:1")] < 60
    assert found["assay_models_up",] == 0


def test_it_tells_storage_and_the_chain_as_last_measured(people, client):
    assert ("assay_audit_chain_whole",) not in figures(client)
    measure()
    verify_chain()

    found = figures(client)

    assert found["assay_audit_chain_whole",] == 1
    assert found["assay_storage_kind_bytes", ("kind", "database")] > 0
    assert found["assay_disk_free_bytes",] > 0


def test_it_counts_requests_by_name_and_not_by_id(people, login, client):
    job = services.enqueue(kind="x", title="x", team=people.team, user=None, params={})
    key = ("assay_http_request_seconds_count", ("method", "GET"), ("route", "jobs:detail"),
           ("status", "2xx"))  # fmt: skip
    before = figures(client).get(key, 0)

    login(people.alice).get(f"/jobs/{job.pk}/")
    client.get("/no/such/page/")

    found = figures(client)
    assert found[key] == before + 1
    assert str(job.pk) not in str(found)
    assert any(("route", "none") in sample for sample in found)


def test_requests_of_all_processes_are_added_up(client, db):
    key = ("assay_http_request_seconds_count", ("method", "GET"), ("route", "jobs:index"),
           ("status", "2xx"))  # fmt: skip
    requests.REQUESTS.labels("jobs:index", "GET", "2xx").observe(0.02)
    before = figures(client)[key]

    # The settings of a test make a home of their own, so the product's own are used here.
    home = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).parents[2]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "apps.config.settings", "ASSAY_HOME": str(home),
    }  # fmt: skip
    subprocess.run([sys.executable, "-c", COUNT], env=environment, check=True)  # noqa: S603

    assert figures(client)[key] == before + 1


def test_answers_are_timed(people, client):
    model = ModelVersion.objects.create(team=people.team, solution="fraud", number=1, signature="0")
    key = ("assay_answer_seconds_count", ("solution", "timed"))

    answer = Answer.objects.create(
        team=people.team, solution="timed", model=model, seconds=0.1, token="t"
    )
    answer.save()

    assert figures(client)[key] == 1


def test_counts_of_a_last_start_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    old = tmp_path / "histogram_999999999.db"
    old.write_bytes(b"")
    living = tmp_path / f"histogram_{os.getppid()}.db"
    living.write_bytes(b"")

    requests.forget_the_last_start()
    assert old.exists()  # another web process has counted already

    living.unlink()
    requests.forget_the_last_start()
    assert not old.exists()
