"""Who works on what: jobs of a solution that wants a GPU wait for a worker that has one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.databases import query
from tests.e2e.product import ADMIN, ROOT, Product, build_frontend, wait_for
from tests.e2e.rest import Rest
from tests.reliability.redis_server import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.reliability.gpu_settings"}


@contextmanager
def gpu_worker(product: Product) -> Iterator[psutil.Process]:
    """Start a second worker beside the product's own, for the queue gpu alone."""
    command = [sys.executable, "scripts/supervise.py", "worker"]
    with product.log_file.open("ab") as log:
        worker = subprocess.Popen(  # noqa: S603  our own command
            command, cwd=ROOT, env={**product.env, "ASSAY_QUEUES": "gpu"}, stdout=log, stderr=log
        )
    try:
        yield psutil.Process(worker.pid)
    finally:
        worker.terminate()
        assert worker.wait(30) == 0


@pytest.mark.parametrize("broker", ["embedded", "redis"])
def test_a_job_for_a_gpu_waits_for_a_worker_that_has_one(broker: str) -> None:
    build_frontend()
    home = Path(tempfile.mkdtemp(prefix="assay-queues-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        address = stack.enter_context(redis_server(home)) if broker == "redis" else ""
        env = {**SETTINGS, "ASSAY_BROKER_URL": address, "ASSAY_QUEUES": "cpu"}
        product = stack.enter_context(Product(home, env))
        rest = Rest(product.url, product.make_key(ADMIN))
        sample = ROOT / "tests" / "dummy_solution" / "demo" / "welds.csv"
        # What every solution needs, such as the check of a file, is work for any worker.
        version = rest.bring(sample, solution="heavy")

        run = rest.post("solutions/heavy/trainings/", dataset_version=version, options={})
        rest.bring(sample, "Others go on", solution="heavy")
        waiting = rest.get(f"jobs/{run['job']}/")
        assert (waiting["state"], waiting["queue"]) == ("queued", "gpu")

        with gpu_worker(product) as worker:
            rest.finish(run["job"])
            pool = {str(child.pid) for child in worker.children(recursive=True)}
            assert _who(product, run["job"]) in pool
            rest.bring(sample, "Not for a GPU", solution="heavy")
            assert _who(product, _newest(rest)) not in pool

        # Where nobody says otherwise, the one worker of a machine does all.
        product.stop()
        del product.env["ASSAY_QUEUES"]
        product.start()
        again = rest.post("solutions/heavy/trainings/", dataset_version=version, options={})
        rest.finish(again["job"])
        assert _who(product, again["job"]) in {str(process.pid) for process in product.pool()}


def _newest(rest: Rest) -> str:
    jobs: list[dict[str, Any]] = rest.get("jobs/")["results"]
    return str(max(jobs, key=lambda job: job["created_at"])["id"])


def _who(product: Product, job: str) -> str:
    """Return the number of the process that did a job."""
    sql = "SELECT worker FROM jobs_job WHERE id = ?"
    [(name,)] = wait_for("A row", lambda: query(product, sql, job.replace("-", "")), 5)
    return str(name).rsplit(":", 1)[1]
