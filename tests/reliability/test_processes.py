"""Processes of a running product: how soon they work, and that none is left behind."""

from __future__ import annotations

import statistics
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.payments import make_payments
from tests.e2e.product import ADMIN, Product, wait_for
from tests.e2e.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.reliability.conftest import Bench


def test_a_job_is_picked_up_soon_after_the_click(
    bench: Bench, record_property: Callable[[str, object], None]
) -> None:
    waits = []
    for _ in range(5):
        job = bench.rest.finish(bench.rest.score(bench.small)["job"])
        created, started = (
            datetime.fromisoformat(job[f"{at}_at"]) for at in ("created", "started")
        )
        waits.append((started - created).total_seconds())

    record_property("pickup_s", statistics.median(waits))
    assert statistics.median(waits) < 3.0, waits


def test_the_messages_of_a_dead_messenger_are_sent_again(bench: Bench) -> None:
    """A job row whose message was lost is found by the reaper."""
    product = bench.product
    lost = product.python(
        "from apps.accounts.models import User\n"
        "from apps.accounts.services import current_team\n"
        "from apps.jobs.models import Job\n"
        "user = User.objects.get(email='alice@example.org')\n"
        "from django.utils import timezone; from datetime import timedelta\n"
        "job = Job.objects.create(kind='nothing', title='lost', team=current_team(user),\n"
        "    created_at=timezone.now() - timedelta(minutes=1))\n"
        "print(job.id)"
    ).strip()

    job = bench.rest.wait_for_job(lost, timeout_s=60)

    assert job["attempt"] == 1
    assert job["state"] == "failed"
    assert "kind of a job must be known" in job["error"]


def test_a_process_that_a_job_has_blown_up_gives_its_memory_back() -> None:
    small = {"ASSAY_WORKER_KEEP_MB": "1"}
    with (
        tempfile.TemporaryDirectory(prefix="assay-memory-") as home,
        Product(Path(home), small) as product,
    ):
        rest = Rest(product.url, product.make_key(ADMIN))
        before = {process.pid for process in product.pool()}
        make_payments(20, 20).write_parquet(Path(home) / "few.parquet")

        versions = [rest.bring(Path(home) / "few.parquet") for _ in range(3)]

        assert len(set(versions)) == 3
        wait_for("Other processes", lambda: not before & {p.pid for p in product.pool()}, 30)


def test_a_worker_whose_idle_processes_were_killed_works_again() -> None:
    """They may take the lock of the worker's own queue along; then it begins anew."""
    soon = {"ASSAY_JOB_REAP_S": "1", "ASSAY_JOB_DEAF_S": "4", "ASSAY_JOB_LOST_S": "3"}
    soon["ASSAY_BROKER_URL"] = ""
    with (
        tempfile.TemporaryDirectory(prefix="assay-deaf-") as home,
        Product(Path(home), soon) as product,
    ):
        rest = Rest(product.url, product.make_key(ADMIN))
        make_payments(20, 20).write_parquet(Path(home) / "few.parquet")

        for _ in range(3):
            for process in product.pool():
                process.kill()

        assert rest.bring(Path(home) / "few.parquet")


def test_stopping_the_product_leaves_no_process_behind() -> None:
    with tempfile.TemporaryDirectory(prefix="assay-stop-") as home, Product(Path(home)) as product:
        assert product.part("web")
        assert product.part("worker")
        assert product.part("beat")

        left = product.stop()

        assert left == []
        assert "Stopped." in product.log_tail()


def test_a_killed_worker_and_a_killed_web_process_are_started_again() -> None:
    with tempfile.TemporaryDirectory(prefix="assay-kill-") as home, Product(Path(home)) as product:
        web = product.part("web")
        assert web is not None

        product.kill_worker()
        web.kill()

        wait_for("Another web process", lambda: product.part("web") not in {None, web}, 60)
        wait_for("A healthy answer", product.is_up, 60)
