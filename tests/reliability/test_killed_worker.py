"""A worker that is killed in the middle: its job is finished by the next one, exactly once."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl
import psutil
from polars.testing import assert_frame_equal

from tests.databases import query
from tests.e2e.product import wait_for
from tests.reliability.conftest import SMALL_NET

LONGER = SMALL_NET | {"epochs": 20}

if TYPE_CHECKING:
    from tests.e2e.rest import Rest
    from tests.reliability.conftest import Bench


def in_the_middle(rest: Rest, job_id: str, stage: str, least: float = 0.0) -> Any:
    """Wait until a job has done a part of a stage, but not all of it."""

    def job_there() -> Any:
        job = rest.get(f"jobs/{job_id}/")
        assert job["state"] in {"queued", "running"}, f"it ended before it could be hit: {job}"
        return job if stage in job["stage"].lower() and job["done"] > least else None

    return wait_for(f"The middle of {stage}", job_there, 120, every_s=0.05)


def rows_of(rest: Rest, prediction: str) -> pl.DataFrame:
    """Return all rows of a result, as they are downloaded."""
    return pl.read_parquet(io.BytesIO(rest.content(f"predictions/{prediction}/download.parquet")))


def test_scoring_goes_on_after_the_worker_was_killed_and_no_row_is_lost_or_doubled(
    bench: Bench,
) -> None:
    rest = bench.rest
    undisturbed = rest.score(bench.long)
    assert rest.finish(undisturbed["job"])["attempt"] == 1

    disturbed = rest.score(bench.long)
    in_the_middle(rest, disturbed["job"], "scoring", least=1)
    bench.product.kill_worker()
    job = rest.finish(disturbed["job"])

    assert job["attempt"] == 2
    rows, expected = rows_of(rest, disturbed["id"]), rows_of(rest, undisturbed["id"])
    assert sorted(rows["row"]) == list(range(1, bench.n_long + 1))
    assert_frame_equal(rows, expected)
    assert any("given to another" in line["message"] for line in job["log"])


def test_training_goes_on_after_the_worker_was_killed_and_leaves_one_model(bench: Bench) -> None:
    rest = bench.rest
    undisturbed = rest.train(bench.small, LONGER)
    assert rest.finish(undisturbed["job"])["attempt"] == 1

    disturbed = rest.train(bench.small, LONGER)
    wait_for("The second epoch", lambda: _epochs(bench, disturbed["id"]) >= 2, 120, every_s=0.05)
    bench.product.kill_worker()
    job = rest.finish(disturbed["job"])

    assert job["attempt"] == 2
    assert any("Going on after epoch" in line["message"] for line in job["log"])
    points = _points(bench, disturbed["id"])
    assert len(points) == len(set(points)), "a point of a curve stands twice"
    assert points == _points(bench, undisturbed["id"])
    curves = [rest.get(f"runs/{run['id']}/curves/") for run in (disturbed, undisturbed)]
    assert curves[0] == curves[1]
    assert not list((bench.product.home / "cache" / "runs").glob(f"{disturbed['id']}*"))
    runs = [rest.get(f"runs/{run['id']}/") for run in (disturbed, undisturbed)]
    assert runs[0]["metrics"] == runs[1]["metrics"]
    assert len(_models(bench, disturbed["id"])) == 1


def test_a_process_of_the_pool_that_runs_out_of_memory_costs_one_attempt(bench: Bench) -> None:
    rest = bench.rest
    disturbed = rest.train(bench.small, SMALL_NET)
    wait_for("The first point of a curve", lambda: _points(bench, disturbed["id"]), 120)

    # The one that works is the one that grows, so it is the one that the kernel picks.
    sql = "SELECT worker FROM jobs_job WHERE id = ?"
    [(name,)] = query(bench.product, sql, disturbed["job"].replace("-", ""))
    psutil.Process(int(name.rsplit(":", 1)[1])).kill()
    job = rest.finish(disturbed["job"])

    assert job["attempt"] == 2
    points = _points(bench, disturbed["id"])
    assert len(points) == len(set(points)), "a point of a curve stands twice"
    assert len(_models(bench, disturbed["id"])) == 1
    assert rest.finish(rest.train(bench.small, SMALL_NET)["job"])["attempt"] == 1


def _epochs(bench: Bench, run: str) -> int:
    return sum(name == "loss" for name, _ in _points(bench, run))


def _points(bench: Bench, run: str) -> list[tuple]:
    return query(
        bench.product,
        "SELECT name, step FROM experiments_metric WHERE run_id = ? ORDER BY name, step",
        run.replace("-", ""),
    )


def _models(bench: Bench, run: str) -> list[tuple]:
    sql = "SELECT id FROM registry_modelversion WHERE run_id = ?"
    return query(bench.product, sql, run.replace("-", ""))
