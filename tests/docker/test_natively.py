"""The very commands of compose.yml against PostgreSQL and Redis: they start, work and stop."""

from __future__ import annotations

import re
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from redis import AuthenticationError, Redis

from tests.databases import new_database
from tests.docker.files import ROOT
from tests.docker.natively import Host
from tests.e2e.product import build_frontend, wait_for
from tests.servers import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(400),
    pytest.mark.xdist_group("reliability"),
]  # fmt: skip


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """Start what compose starts, in its order, and wait for its health."""
    build_frontend()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-compose-")))
        server = stack.enter_context(postgres_server(folder))
        host = Host(folder, new_database(server))
        stack.callback(host.kill_all)
        host.start_broker()
        assert host.start("prepare").wait(120) == 0, host.tail("prepare")
        del host.running["prepare"]
        for service in ("web", "worker", "beat", "models"):
            host.start(service)
        host.wait_until_healthy("web", "worker", "models")
        yield host


@pytest.fixture(scope="module")
def admin(host: Host) -> requests.Session:
    """Return a browser in which the first admin has logged in."""
    session = requests.Session()
    address = f"{host.url}/accounts/login/"
    page = session.get(address, timeout=30).text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token, page
    password = (host.secrets / "admin_password").read_text()
    form = {"login": "admin@example.org", "password": password, "csrfmiddlewaretoken": token[1]}
    answer = session.post(address, form, timeout=30, headers={"Referer": address})
    assert answer.url == f"{host.url}/", answer.text[:2000]
    return session


def jobs_of(host: Host, admin: requests.Session) -> list[dict]:
    """Return the jobs that the first admin sees."""
    return admin.get(f"{host.url}/api/v1/jobs/", timeout=30).json()["results"]


def test_the_admin_of_the_secret_logs_in_and_the_worker_checks_the_demo_data(host, admin):
    def all_ended() -> list[dict]:
        jobs = jobs_of(host, admin)
        return (
            jobs if jobs and all(job["state"] not in {"queued", "running"} for job in jobs) else []
        )

    jobs = wait_for("The end of all jobs", all_ended, 120, 0.5)

    assert {job["state"] for job in jobs} == {"succeeded"}, jobs
    assert len(jobs) >= 3


def test_a_broker_without_its_password_answers_nobody(host):
    with pytest.raises(AuthenticationError):
        Redis(port=host.redis_port).ping()


def test_the_small_image_serves_every_form_without_what_learns(host, admin):
    python, env = f"{ROOT}/.venv/bin/python", host.environment("web")
    for name in ("torch", "numba", "onnxruntime", "cv2", "scipy"):
        done = subprocess.run(  # noqa: S603  our own command
            [python, "-c", f"import {name}"], env=env, check=False, capture_output=True, text=True
        )
        assert f"the small image has no {name}" in done.stderr
    slugs = re.findall(r'href="/solutions/([a-z0-9_]+)/"', admin.get(f"{host.url}/solutions/").text)
    pages = ["", "datasets/", "datasets/upload/", "models/", "results/", "api/schema/"]
    pages += [f"solutions/{slug}/{part}" for slug in set(slugs) for part in ("", "train/", "ask/")]

    answers = {page: admin.get(f"{host.url}/{page}", timeout=60).status_code for page in pages}

    assert len(set(slugs)) >= 3
    assert set(answers.values()) <= {200}, answers


def test_a_second_prepare_changes_nothing(host, admin):
    before = len(jobs_of(host, admin))

    assert host.start("prepare").wait(120) == 0
    del host.running["prepare"]

    assert len(jobs_of(host, admin)) == before


def test_all_stop_when_asked_and_leave_nothing_behind(host):
    codes = {name: host.stop(name) for name in ("web", "worker", "beat", "models", "broker")}

    assert codes == dict.fromkeys(codes, 0)
