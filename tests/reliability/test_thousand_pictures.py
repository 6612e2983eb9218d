"""A thousand pictures in a ZIP: seen to go on, and none lost or doubled by a killed worker."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tests.e2e.product import ROOT, Product, build_frontend, wait_for
from tests.e2e.rest import ENDED, Rest
from tests.guests import install_copy
from tests.reliability.conftest import QUICK
from tests.reliability.test_killed_worker import in_the_middle, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

N_PICTURES = 1000
SIDE = 900  # flat, so small in the file, but not read in no time


def draw(n: int) -> tuple[bytes, str]:
    """Return a dark picture, where all but each third has a bright square, and its label."""
    rng = np.random.default_rng(n)
    values = np.full((SIDE, SIDE), rng.integers(0, 60), np.uint8)
    label = ""
    if n % 3:
        x, y = (int(v) for v in rng.integers(10, SIDE - 200, 2))
        values[y : y + 120, x : x + 150] = 250
        label = f"0 {(x + 75) / SIDE} {(y + 60) / SIDE} {150 / SIDE} {120 / SIDE}\n"
    out = io.BytesIO()
    Image.fromarray(values).save(out, "JPEG", quality=90)
    return out.getvalue(), label


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "line 2.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("data.yaml", "names: [square]\n")
        for n in range(N_PICTURES):
            data, label = draw(n)
            packed.writestr(f"images/p{n:04d}.jpg", data)
            packed.writestr(f"labels/p{n:04d}.txt", label)
    return path


@pytest.fixture(scope="module")
def product(tmp_path_factory) -> Iterator[Product]:
    build_frontend()
    site = tmp_path_factory.mktemp("site-packages")
    install_copy(site, "picture_solution", "acme-picture", "acme_picture", "picture")
    env = {
        **QUICK,
        "PYTHONPATH": f"{ROOT}:{site}",
        "ASSAY_SOLUTIONS_ALLOWED": "acme-picture",
    }
    with Product(tmp_path_factory.mktemp("thousand") / "home", env) as running:
        running.make_people()
        yield running


def watched(rest: Rest, job_id: str) -> tuple[Any, list[int]]:
    """Follow a job to its end; returns it and the shares that were seen on the way."""
    seen: list[int] = []
    end = time.monotonic() + 240
    while (job := rest.get(f"jobs/{job_id}/"))["state"] not in ENDED:
        assert time.monotonic() < end, job
        if job["percent"] is not None and job["percent"] not in seen:
            seen.append(job["percent"])
        time.sleep(0.1)
    return job, seen


def test_a_thousand_pictures_are_all_there_after_the_worker_was_killed_twice(
    product: Product, archive: Path
) -> None:
    rest = Rest(product.url, product.make_key("alice@example.org"))

    # Checked, with the worker killed in the middle of it.
    sent = rest.send_file("datasets/", archive, solution="picture", name="Line 2")
    in_the_middle(rest, sent["job"], "check", least=100)
    product.kill_worker()
    job, seen = watched(rest, sent["job"])
    assert (job["state"], job["attempt"]) == ("succeeded", 2), job
    assert len(seen) >= 3, f"progress was not seen: {seen}"
    version = rest.get(f"dataset-versions/{sent['id']}/")
    assert (version["state"], version["n_rows"], version["n_issues"]) == ("ready", N_PICTURES, 0)

    # Learnt from, then scored: once in peace and once with the worker killed.
    run = rest.post("solutions/picture/trainings/", dataset_version=sent["id"], options={})
    rest.finish(run["job"])
    scoring = {"dataset_version": sent["id"]}
    calm = rest.post("solutions/picture/predictions/", **scoring)
    rest.finish(calm["job"])
    disturbed = rest.post("solutions/picture/predictions/", **scoring)
    in_the_middle(rest, disturbed["job"], "scoring", least=100)
    product.kill_worker()
    job, seen = watched(rest, disturbed["job"])
    assert (job["state"], job["attempt"]) == ("succeeded", 2), job
    rows, expected = rows_of(rest, disturbed["id"]), rows_of(rest, calm["id"])
    assert sorted(rows["row"]) == list(range(1, N_PICTURES + 1))
    assert rows["picture"].n_unique() == N_PICTURES
    assert rows.sort("row").equals(expected.sort("row"))
    assert rows.filter(pl.col("alert")).height == N_PICTURES - len(range(0, N_PICTURES, 3))
    wait_for("Quiet", lambda: rest.get("jobs/", state="running")["count"] == 0, 30)
