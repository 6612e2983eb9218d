"""A product on each messenger, with a team that has trained a model and brought a long file."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.payments import make_payments
from tests.e2e.product import Product, build_frontend
from tests.e2e.rest import Rest
from tests.reliability.redis_server import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
# Leases that run out sooner than in production, so that a test need not wait for them.
QUICK = {"ASSAY_JOB_LEASE_S": "4", "ASSAY_JOB_BEAT_S": "1", "ASSAY_JOB_REAP_S": "1"}
SMALL_NET = {"epochs": 6, "hidden": 16}


@dataclass(frozen=True)
class Bench:
    """A running product and what the tests work on in it."""

    product: Product
    rest: Rest
    small: str
    long: str
    n_long: int


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests: they take minutes, run alone, and one half needs a Redis."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("slow")
            item.add_marker("services")
            item.add_marker(pytest.mark.xdist_group("reliability"))
            item.add_marker(pytest.mark.timeout(600))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Show what the processes said beside a failure."""
    report = yield
    bench = getattr(item, "funcargs", {}).get("bench")
    if report.failed and bench is not None:
        report.sections.append(("product", bench.product.log_tail()))
    return report


@pytest.fixture(scope="package", params=["embedded", "redis"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Start the product on one messenger."""
    build_frontend()
    home = Path(tempfile.mkdtemp(prefix="assay-reliability-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        env = {**QUICK, "ASSAY_BROKER_URL": ""}  # a folder of messages, whatever the database is
        if request.param == "redis":
            env["ASSAY_BROKER_URL"] = stack.enter_context(redis_server(home))
        product = stack.enter_context(Product(home, env))
        yield _prepare(product, home)


def _prepare(product: Product, home: Path) -> Bench:
    product.make_people()
    rest = Rest(product.url, product.make_key("alice@example.org"))
    small, long = make_payments(), make_payments(3000, 100, seed=8)
    small.write_parquet(home / "small.parquet")
    long.write_parquet(home / "long.parquet")
    bench = Bench(
        product, rest, rest.bring(home / "small.parquet"), rest.bring(home / "long.parquet"),
        long.height,
    )  # fmt: skip
    run = rest.train(bench.small, {"epochs": 1, "hidden": 16})
    rest.finish(run["job"])
    return bench
