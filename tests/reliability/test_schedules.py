"""Policies under the real beat and the real workers, with a clock that ticks each second."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.apps.schedules.making import shuffled_past
from tests.apps.workshop import payments
from tests.e2e.product import ROOT, Product, build_frontend, wait_for
from tests.e2e.rest import Rest
from tests.people import PASSWORD
from tests.reliability.conftest import QUICK
from tests.reliability.redis_server import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

OPEN = {"queued", "running"}
QUICK_CLOCK = {
    "DJANGO_SETTINGS_MODULE": "tests.reliability.tiny_settings",
    "ASSAY_SCHEDULES_TICK_S": "1",
}


@dataclass(frozen=True)
class House:
    """A running product, and a team's dataset in it."""

    product: Product
    rest: Rest
    dora: Rest

    def bring(self, frame: pl.DataFrame, **fields: str) -> Any:
        """Bring a table, as a new dataset or as a version of one."""
        file = self.product.home / "brought.parquet"
        frame.drop("row").write_parquet(file)
        sent = self.rest.send_file("datasets/", file, solution="tiny", **fields)
        self.rest.finish(sent["job"])
        return self.rest.get(f"dataset-versions/{sent['id']}/")

    def policy(self, dataset: str, **said: object) -> str:
        """Make a policy."""
        chosen = {"trigger": "clock", "cron": "0 0 1 1 *", "options": {"steps": 2}} | said
        return str(self.rest.post("schedules/", dataset=dataset, **chosen)["id"])

    def runs(self, policy: str) -> list[Any]:
        """Return its runs, the newest first."""
        return list(self.rest.get(f"schedules/{policy}/runs/")["results"])

    def ended(self, policy: str, n_runs: int = 1) -> Any:
        """Wait until a policy has ended as many runs, and return the newest."""

        def last() -> Any:
            runs = self.runs(policy)
            return len(runs) >= n_runs and runs[0]["state"] not in OPEN and runs[0]

        return wait_for(f"The end of {n_runs} runs", last, 120, every_s=0.3)

    def page(self, policy: str) -> str:
        """Return the page of a policy as Bob sees it."""
        browser = requests.Session()
        login = f"{self.product.url}/accounts/login/"
        text = browser.get(login, timeout=30).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)
        assert token
        fields = {
            "login": "bob@example.org", "password": PASSWORD, "csrfmiddlewaretoken": token[1],
        }  # fmt: skip
        browser.post(login, fields, headers={"Referer": login}, timeout=30)
        return browser.get(f"{self.product.url}/schedules/{policy}/", timeout=30).text


@pytest.fixture(scope="module", params=["embedded", "redis"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    """Start the product with the tiny solution on one messenger."""
    build_frontend()
    home = Path(tempfile.mkdtemp(prefix="assay-schedules-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        env = QUICK | QUICK_CLOCK
        if request.param == "redis":
            env["ASSAY_BROKER_URL"] = stack.enter_context(redis_server(home))
        product = stack.enter_context(Product(home, env))
        product.make_people()
        keys = [product.make_key(f"{name}@example.org") for name in ("alice", "dora")]
        yield House(product, *(Rest(product.url, key) for key in keys))


def test_a_policy_by_the_clock_and_one_by_labels_run_and_bad_labels_are_refused(
    house: House,
) -> None:
    first = house.bring(payments(300, seed=1), name="Payments")
    by_clock = house.policy(first["dataset"], name="Each minute", cron="* * * * *")
    by_labels = house.policy(first["dataset"], name="By labels", trigger="labels", n_labels=800)

    run = house.ended(by_clock)

    assert run["why"].startswith("By the clock")
    assert run["state"] == "candidate", run
    house.rest.post(f"schedules/{by_clock}/pause/")
    house.dora.post(f"models/{run['model']}/promote/", reason="The first one.")
    assert house.runs(by_labels) == []

    taught_wrong = shuffled_past(payments(3000, seed=8, day=10))
    house.bring(taught_wrong, dataset=first["dataset"])
    refused = house.ended(by_labels)

    assert refused["why"] == "3,000 new labels, 800 were asked for"
    assert refused["state"] == "refused", refused
    assert refused["gate"]["challenger"] < refused["gate"]["live"]
    assert house.rest.get(f"models/{run['model']}/")["stage"] == "live"
    assert house.rest.get(f"models/{refused['model']}/")["stage"] == "candidate"
    page = house.page(by_labels)
    assert "Refused by the gate. Accuracy" in page
    assert "of the live model on 1,000 rows: it is not better." in page
    assert len(house.runs(by_labels)) == 1


def test_times_missed_while_it_was_off_are_made_up_for_once_by_two_beats_and_two_starts(
    house: House,
) -> None:
    version = house.bring(payments(300, seed=2), name="Missed")
    policy = house.policy(version["dataset"], name="Each night", cron="0 3 * * *")
    product = house.product
    product.stop()
    product.python(
        "from datetime import timedelta\n"
        "from apps.schedules.models import Policy\n"
        f"policy = Policy.objects.get(pk={policy!r})\n"
        "policy.next_at -= timedelta(days=5)\n"
        "policy.save()"
    )
    product.start()
    other_beat = subprocess.Popen(  # noqa: S603  our own command
        [ROOT / ".venv/bin/celery", "--quiet", "-A", "apps.config.celery", "beat", "--pidfile="],
        cwd=ROOT, env=product.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        run = house.ended(policy)
        product.stop()
        product.start()
        house.bring(payments(60, seed=3), name="Some ticks later")
    finally:
        other_beat.terminate()
        other_beat.wait(20)

    assert run["why"] == "By the clock; makes up for 4 earlier times that were missed"
    assert [one["id"] for one in house.runs(policy)] == [run["id"]]


def test_a_worker_that_is_killed_in_the_middle_leaves_one_training_and_one_model(
    house: House,
) -> None:
    version = house.bring(payments(300, seed=4), name="Killed")
    slow = {"steps": 40, "pause_s": 0.1}
    policy = house.policy(version["dataset"], name="Slow", options=slow)
    begun = house.rest.post(f"schedules/{policy}/run/")

    def is_learning() -> bool:
        return house.rest.get(f"jobs/{begun['job']}/")["stage"] == "Learning"

    wait_for("The middle of the training", is_learning, 60, every_s=0.05)
    house.product.kill_worker()
    job = house.rest.finish(begun["job"])

    run = house.ended(policy)
    assert job["attempt"] == 2
    assert run["state"] in {"candidate", "refused"}
    trainings = house.rest.get("runs/", dataset_version=version["id"])["results"]
    assert [one["id"] for one in trainings] == [run["training"]]
    assert trainings[0]["model"] == run["model"]
