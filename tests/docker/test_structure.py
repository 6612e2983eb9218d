"""The images and the services, as far as they can be judged where no engine runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.files import (
    DOCKER,
    ROOT,
    compose,
    entrypoint,
    interpolated,
    last,
    lineage,
    product_services,
    stages,
)

TARGETS = ("web", "worker", "gpu-worker")
SERVICES = sorted(product_services())
SCRIPTS = sorted(DOCKER.glob("*.sh"))


def test_the_dockerfile_follows_the_rules_of_hadolint():
    program = Path(sys.executable).with_name("hadolint")

    done = subprocess.run(  # noqa: S603  our own command
        [program, DOCKER / "Dockerfile"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_whole_and_may_be_started(script):
    done = subprocess.run(["sh", "-n", script], check=False)  # noqa: S603, S607

    assert done.returncode == 0
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_nobody_of_the_host_and_gets_signals(target):
    uid = int(last(target, "USER").split(":")[0])

    assert uid >= 10_000
    assert last(target, "STOPSIGNAL") == "SIGTERM"
    assert entrypoint(target) == ["/opt/assay/docker/entrypoint.sh"]
    assert '["CMD", "python", "docker/health.py"' in last(target, "HEALTHCHECK").replace(
        "CMD [", '["CMD", '
    )


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_has_neither_secrets_nor_what_only_developing_needs(target):
    said = " ".join(rest for _, rest in lineage(target))

    assert "requirements-dev" not in said
    assert "tests" not in said
    assert not re.search(r"(?i)(password|secret|key)\w*=", said)


def test_everything_that_is_copied_is_there_and_not_ignored():
    kept = {
        line[1:]
        for line in ROOT.joinpath(".dockerignore").read_text().splitlines()
        if line[:1] == "!"
    }
    sources = [
        source.rstrip("/")
        for stage in stages().values()
        for word, rest in stage
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]

    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert {source.split("/")[0] for source in sources} <= kept


def test_the_small_image_lacks_all_that_learns_and_little_else():
    heavy = [re.compile(line) for line in (DOCKER / "heavy.txt").read_text().split()]
    lock = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line]

    light = [line for line in lock if not any(rule.fullmatch(line) for rule in heavy)]

    names = {line.split("==")[0] for line in light}
    assert {"django", "granian", "celery", "polars", "pyarrow", "psycopg-binary"} <= names
    assert not names & {"torch", "numba", "onnxruntime-gpu", "ultralytics", "xgboost-cpu"}
    unused = [rule.pattern for rule in heavy if not any(map(rule.fullmatch, lock))]
    assert unused == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name):
    service = product_services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])
    assert service["restart"] in {"unless-stopped", "on-failure:3"}
    assert service["command"][0] in (DOCKER / "entrypoint.sh").read_text()


def test_only_the_web_can_be_reached_from_outside_and_by_default_from_this_host():
    open_ports = {n: s["ports"] for n, s in compose()["services"].items() if "ports" in s}

    assert list(open_ports) == ["web"]
    assert interpolated(open_ports["web"][0], {}) == "127.0.0.1:8000:8000"
    assert compose()["networks"]["inside"] == {"internal": True}


def test_secrets_are_files_that_the_script_writes_once(tmp_path):
    script = DOCKER / "make-secrets.sh"
    wanted = {Path(s["file"]).name for s in compose()["secrets"].values()}

    for _ in range(2):
        subprocess.run([script, tmp_path / "secrets"], check=True, capture_output=True)  # noqa: S603
        written = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    first = dict(written)
    subprocess.run([script, tmp_path / "secrets"], check=True, capture_output=True)  # noqa: S603

    assert set(written) == wanted
    assert first == {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert written["database_password"] in written["database_url"]
    for service in compose()["services"].values():
        assert set(service.get("secrets", ())) <= wanted
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|_URL", variable):
                assert variable.endswith("_FILE"), variable
                assert Path(value).name in service["secrets"]


def test_there_is_an_image_for_each_service_that_none_builds_twice():
    built = [s["build"]["target"] for s in product_services().values() if "build" in s]

    assert sorted(built) == sorted(TARGETS)
    assert {s["image"] for s in product_services().values()} == {f"assay-{t}" for t in TARGETS}


def test_an_unknown_part_is_refused():
    sh = shutil.which("sh")
    done = subprocess.run(  # noqa: S603  our own command
        [sh, DOCKER / "entrypoint.sh", "nothing"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 64
    assert "must be prepare, web" in done.stderr
