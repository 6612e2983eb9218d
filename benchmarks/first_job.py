"""The main job on a real file: brought, checked, learned from, scored, looked at, taken away.

It starts the product as `make run` does, in a home of its own, and goes the whole way twice: by
REST as a program does, and in Chromium as a person does. Every option keeps its default.

Use: python benchmarks/first_job.py --data FILE.parquet [--ways rest,browser] [--json OUT]
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import requests
from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._record import payments, record
from tests.e2e.browser import FLAGS, chromium, log_in
from tests.e2e.product import ADMIN, ADMIN_PASSWORD, Product, build_frontend
from tests.e2e.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 3600.0
N_PAGES = 80
SAMPLE_S = 0.25
MB = 2**20


@dataclass
class Memory:
    """The most memory that the worker and all it started took at once, by step of the way."""

    product: Product
    step: str = "start"
    rss: dict[str, float] = field(default_factory=dict)
    pss: dict[str, float] = field(default_factory=dict)
    web: dict[str, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watching(self) -> Iterator[Memory]:
        """Sample while the block is inside."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            step = self.step
            rss, pss = self._taken("worker")
            self.rss[step] = max(self.rss.get(step, 0.0), rss)
            self.pss[step] = max(self.pss.get(step, 0.0), pss)
            self.web[step] = max(self.web.get(step, 0.0), self._taken("web")[1])

    def _taken(self, part: str) -> tuple[float, float]:
        """Return MiB: resident memory added up, and with shared pages counted once."""
        rss = pss = 0.0
        with suppress(psutil.Error):
            process = self.product.part(part)
            for one in [process, *process.children(recursive=True)] if process else []:
                with suppress(psutil.Error):
                    taken = one.memory_full_info()
                    rss, pss = rss + taken.rss / MB, pss + taken.pss / MB
        return rss, pss


@dataclass
class Figures:
    """What was measured, under flat names."""

    values: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measure a block in seconds."""
        start = time.perf_counter()
        yield
        self.say(f"{name}_s", time.perf_counter() - start)

    def say(self, name: str, value: float) -> None:
        """Keep a figure and tell it."""
        self.values[name] = round(float(value), 3)
        print(f"{name:32} {value:12,.3f}", flush=True)

    def tell_job(self, prefix: str, job: dict[str, Any]) -> None:
        """Keep how long a job waited, and its stages."""
        self.say(f"{prefix}_pickup_ms", 1000 * between(job, "created_at", "started_at"))
        seconds: dict[str, float] = {}
        peaks: dict[str, float] = {}
        for stage in job["stages"]:  # a stage may be entered more than once
            name = re.sub(r"\W+", "_", stage["name"].lower())
            seconds[name] = seconds.get(name, 0.0) + stage["seconds"]
            peaks[name] = max(peaks.get(name, 0.0), stage["peak_memory_mb"])
        for name, taken in seconds.items():
            self.say(f"{prefix}_{name}_s", taken)
            self.say(f"{prefix}_{name}_memory_mb", peaks[name])


def between(job: dict[str, Any], first: str, last: str) -> float:
    """Return the seconds between two moments of a job."""
    return (datetime.fromisoformat(job[last]) - datetime.fromisoformat(job[first])).total_seconds()


def by_rest(
    file: Path, options: dict[str, float], product: Product, memory: Memory, figures: Figures
) -> str:
    """Go the way of a program; returns the prediction."""
    rest = Rest(product.url, product.make_key(ADMIN))
    memory.step = "ingest"
    with figures.timed("upload"):
        version = rest.send_file("datasets/", file, solution="fraud", name="By REST")
    job = rest.finish(version["job"], PATIENCE_S)
    figures.say("ingest_s", between(job, "created_at", "finished_at"))
    figures.tell_job("ingest", job)

    memory.step = "train"
    run = rest.post("solutions/fraud/trainings/", dataset_version=version["id"], options=options)
    job = rest.finish(run["job"], PATIENCE_S)
    figures.say("train_s", between(job, "created_at", "finished_at"))
    figures.tell_job("train", job)
    metrics = rest.get(f"runs/{run['id']}/")["metrics"]
    for name in ("ap", "auc", "cp100", "baseline_ap"):
        if name in metrics:
            figures.say(name, metrics[name])

    memory.step = "score"
    n_rows = rest.get(f"dataset-versions/{version['id']}/")["n_rows"]
    with figures.timed("score"):
        prediction = rest.score(version["id"])
        job = rest.finish(prediction["job"], PATIENCE_S)
    figures.tell_job("score", job)
    figures.say("rows", n_rows)
    figures.say("rows_per_s", n_rows / figures.values["score_s"])
    figures.say("pickup_ms", figures.values["score_pickup_ms"])

    memory.step = "download"
    for kind in ("parquet", "csv"):
        with figures.timed(f"download_{kind}"):
            content = rest.content(f"predictions/{prediction['id']}/download.{kind}")
        figures.say(f"download_{kind}_mb", len(content) / MB)
    return str(prediction["id"])


def page_times(product: Product, prediction: str, n_rows: int, figures: Figures) -> None:
    """Ask for pages of the result as a browser would, and measure the server's answers."""
    session = requests.Session()
    entrance = f"{product.url}/accounts/login/"
    session.get(entrance, timeout=30)
    fields = {"login": ADMIN, "password": ADMIN_PASSWORD}
    fields["csrfmiddlewaretoken"] = session.cookies["csrftoken"]
    session.post(entrance, data=fields, headers={"Referer": entrance}, timeout=30)
    result = f"{product.url}/results/{prediction}/"
    chance = random.Random(0)  # noqa: S311  no secret
    pages = [chance.randrange(1, n_rows // 50) for _ in range(N_PAGES)]
    sorts = ["rank", "-rank", "-amount", "amount", "-time", "card_id", "terminal_id", "-score"]
    filters = ["", "&alert_only=on", "&min_score=0.01", "&amount_min=100", "&text=12"]
    times: dict[str, list[float]] = {"by_rank": [], "sorted": [], "filtered": [], "row": []}

    def ask(kind: str, address: str) -> None:
        start = time.perf_counter()
        answer = session.get(address, timeout=60)
        times[kind].append(1000 * (time.perf_counter() - start))
        if not answer.ok or "/login/" in answer.url:
            sys.exit(f"A page must be there. Got {answer.status_code} from {address}.")

    for number in pages:
        ask("by_rank", f"{result}?page={number}")
        ask("sorted", f"{result}?sort={chance.choice(sorts)}&page={number}")
        ask("filtered", f"{result}?sort={chance.choice(sorts)}{chance.choice(filters)}&page=2")
        ask("row", f"{result}rows/{chance.randrange(1, n_rows)}/")
    every = sorted(one for of_kind in times.values() for one in of_kind)
    figures.say("page_p50_ms", statistics.median(every))
    figures.say("page_p95_ms", every[int(0.95 * len(every))])
    figures.say("page_max_ms", every[-1])
    for kind, of_kind in times.items():
        figures.say(f"page_{kind}_p50_ms", statistics.median(of_kind))
        figures.say(f"page_{kind}_max_ms", max(of_kind))


def by_browser(file: Path, product: Product, memory: Memory, figures: Figures) -> None:
    """Go the way of a person."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_context(base_url=product.url, accept_downloads=True).new_page()
        page.set_default_timeout(60_000)
        log_in(page, product.url, ADMIN, ADMIN_PASSWORD)
        memory.step = "browser_ingest"
        _bring_in_browser(page, file, figures)
        memory.step = "browser_train"
        _train_in_browser(page, figures)
        memory.step = "browser_score"
        _score_in_browser(page, figures)
        memory.step = "browser_look"
        _look_in_browser(page, figures)
        browser.close()


def _bring_in_browser(page: Page, file: Path, figures: Figures) -> None:
    page.goto("/datasets/upload/")
    page.get_by_label("Name").fill("By browser")
    page.locator("input[type=file]").set_input_files(file)
    with figures.timed("browser_upload"):
        page.get_by_role("button", name="Upload").click()
        check = page.get_by_role("button", name="Check the file")
        check.wait_for(timeout=1000 * PATIENCE_S)
    with figures.timed("browser_ingest"):
        check.click()
        page.get_by_role("link", name="Score", exact=True).wait_for(timeout=1000 * PATIENCE_S)


def _train_in_browser(page: Page, figures: Figures) -> None:
    page.get_by_role("link", name="Train", exact=True).click()
    with figures.timed("browser_train"):
        page.get_by_role("button", name="Start training").click()
        with figures.timed("browser_first_curve"):
            page.wait_for_function(
                "() => [...document.querySelectorAll('.chart canvas')].length > 0",
                timeout=1000 * PATIENCE_S,
            )
        model = page.get_by_role("link", name=re.compile(r"^\s*Model \d"))
        model.wait_for(timeout=1000 * PATIENCE_S)
    model.click()
    page.get_by_role("link", name="Score with it").click()


def _score_in_browser(page: Page, figures: Figures) -> None:
    data = page.locator("#id_version option").filter(has_text="By browser")
    page.get_by_label("Data").select_option(value=data.get_attribute("value"))
    with figures.timed("browser_score"):
        page.get_by_role("button", name="Score").click()
        ranked = page.get_by_role("heading", name="All rows, ranked")
        ranked.wait_for(timeout=1000 * PATIENCE_S)


def _look_in_browser(page: Page, figures: Figures) -> None:
    with figures.timed("browser_reload_result"):
        page.reload()
        page.locator(".chart canvas").first.wait_for()
    with figures.timed("browser_sort"):
        page.locator("#rows").get_by_role("link", name="Amount").click()
        head = page.locator("#rows thead th").filter(has_text="Amount")
        expect(head).to_have_attribute("aria-sort", "descending", timeout=60_000)
    with figures.timed("browser_download"), page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    with figures.timed("browser_download_saved"):
        download.value.path()
    page.go_back()
    with figures.timed("browser_open_alert"):
        page.get_by_label("Alerts only").check()
        page.locator("#rows tbody tr").first.get_by_role("link").first.click()
        page.locator("#reasons").wait_for()


def main() -> None:
    """Measure and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="Parquet file of payments")
    parser.add_argument("--ways", default="rest,browser")
    parser.add_argument("--set", action="append", default=[], help="OPTION=NUMBER, REST way only")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seeds", default="0", help="kept for the form; the product draws seed 0")
    asked = parser.parse_args()
    data = payments(asked.data)
    if data is None:
        return
    options = {name: float(value) for name, _, value in (one.partition("=") for one in asked.set)}
    figures = Figures()
    build_frontend()
    with (
        tempfile.TemporaryDirectory(prefix="assay-bench-") as home,
        Product(Path(home)) as product,
        Memory(product).watching() as memory,
    ):
        if "rest" in asked.ways:
            prediction = by_rest(data, options, product, memory, figures)
            memory.step = "pages"
            page_times(product, prediction, int(figures.values["rows"]), figures)
        if "browser" in asked.ways:
            by_browser(data, product, memory, figures)
    for step, peak in memory.rss.items():
        figures.say(f"{step}_worker_rss_mb", peak)
        figures.say(f"{step}_worker_pss_mb", memory.pss[step])
        figures.say(f"{step}_web_pss_mb", memory.web[step])
    figures.say("peak_memory_mb", max(memory.rss.values()))
    record("first_job", figures=figures.values, seeds=[0], out=asked.json)


if __name__ == "__main__":
    main()
