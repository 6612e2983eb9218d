"""`manage.py train_and_gate` as a process of its own, in an installation without a worker."""

from __future__ import annotations

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.apps.workshop import payments

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
ROOT = Path(__file__).resolve().parents[3]
COLUMNS = ["payment_id", "time", "card_id", "amount", "is_bad"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return the home of a fresh installation, with data beside it."""
    folder = tmp_path_factory.mktemp("ci")
    payments(600).select(COLUMNS).write_csv(folder / "march.csv")
    done = manage(folder, "bootstrap", "--no-demo")
    out, _ = done.communicate(timeout=120)
    assert done.returncode == 0, out
    return folder


def manage(folder: Path, *command: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in LEFT_BEHIND}
    environment |= {
        "ASSAY_HOME": str(folder / "home"),
        "ASSAY_ENCRYPTION_KEY": base64.b64encode(b"k" * 32).decode(),
        "ASSAY_ADMIN_PASSWORD": "correct horse battery staple",
        "DJANGO_SETTINGS_MODULE": "tests.reliability.tiny_settings",
    }
    return subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "manage.py", *command], cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


LEFT_BEHIND = {"DATABASE_URL", "ASSAY_BROKER_URL"}


def gate(folder: Path, name: str, **options) -> subprocess.Popen[str]:
    """Begin a run of a recipe whose report gets a name."""
    said = {
        "solution": "tiny", "user": "admin@example.org", "data": {"file": "march.csv"},
        "options": options, "gate": {"without_live": "pass"}, "report": f"reports/{name}",
    }  # fmt: skip
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(said))
    return manage(folder, "train_and_gate", str(folder / f"{name}.yaml"))


def rows(folder: Path, query: str) -> list:
    with sqlite3.connect(folder / "home" / "db.sqlite3") as database:
        return database.execute(query).fetchall()


def test_it_works_where_no_worker_runs(home):
    process = gate(home, "first", steps=2)
    out, _ = process.communicate(timeout=120)

    assert process.returncode == 0, out
    assert json.loads((home / "reports" / "first.json").read_text())["passed"] is True
    assert rows(home, "SELECT stage FROM registry_modelversion") == [("candidate",)]


def test_one_who_stops_it_leaves_nothing_half_done(home):
    runs = home / "home" / "cache" / "runs"
    models = rows(home, "SELECT count(*) FROM registry_modelversion")
    process = gate(home, "stopped", steps=1000, pause_s=0.2)
    until = time.monotonic() + 60
    # Its child has the data and is at work.
    while not list(runs.glob("*/data.sealed")) and time.monotonic() < until:
        time.sleep(0.05)

    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 130, out
    assert "Stopped." in out
    assert "Traceback" not in out
    assert list(runs.iterdir()) == []
    assert not list(home.glob("reports/stopped*"))
    assert rows(home, "SELECT count(*) FROM registry_modelversion") == models
    states = rows(home, "SELECT state FROM jobs_job WHERE kind = 'train' ORDER BY created_at")
    assert states[-1] == ("cancelled",)
