"""The main job in a browser: a file of payments goes in, an explained alert comes out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import polars as pl
from playwright.sync_api import Page, expect

from tests.e2e.test_upload import upload

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.world import World

LONG_MS = 150_000
N_ALL = "of 3,123"  # rows of the file to score, by the seed of the simulator


def test_from_a_file_to_an_explained_alert(alice_page: Page, files: Path, tmp_path: Path) -> None:
    page = alice_page
    prepare(page, files / "payments.csv", "Journey, to learn from")
    train(page)
    prepare(page, files / "new payments.csv", "Journey, to score")
    score(page)
    look_at_the_result(page)
    download(page, tmp_path)
    open_an_alert(page)


def prepare(page: Page, file: Path, name: str) -> None:
    """Upload a file, confirm its columns, and wait until it is checked."""
    upload(page, file, name)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("link", name="Score", exact=True)).to_be_visible(timeout=60_000)


def train(page: Page) -> None:
    """Start a training and see its curve before it has ended."""
    page.get_by_role("link", name="Train", exact=True).click()
    page.get_by_text("More choices").click()
    page.get_by_label("Epochs", exact=True).fill("5")
    page.get_by_label("Width").fill("16")
    page.get_by_label("Alerts a day").fill("5")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("#live")).to_contain_text("Running", timeout=30_000)

    def is_live_curve(response) -> bool:
        if "/curves/" not in response.url:
            return False
        block = json.loads(response.text())
        return bool(block["running"] and any(series["y"] for series in block["series"]))

    with page.expect_response(is_live_curve, timeout=LONG_MS):
        pass
    expect(page.locator(".chart canvas").first).to_be_visible()
    model = page.get_by_role("link", name=re.compile(r"^\s*Model \d"))
    expect(model).to_be_visible(timeout=LONG_MS)
    model.click()
    expect(page.get_by_role("heading", name="How good it is")).to_be_visible()
    page.go_back()


def score(page: Page) -> None:
    """Score the file whose page is open."""
    page.goto("/datasets/")
    page.get_by_role("link", name="Journey, to score").first.click()
    page.get_by_role("link", name=re.compile("^ ?v?1$|Version 1")).first.click()
    page.get_by_role("link", name="Score", exact=True).click()
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("heading", name="All rows, ranked")).to_be_visible(timeout=LONG_MS)


def look_at_the_result(page: Page) -> None:
    """Sort, filter and turn pages, all on the server."""
    rows = page.locator("#rows tbody tr")
    heads = page.locator("#rows thead th")
    expect(page.locator(".chart canvas").first).to_be_visible()
    expect(page.locator("#rows")).to_contain_text(N_ALL)

    page.locator("#rows").get_by_role("link", name="Amount").click()
    expect(heads.filter(has_text="Amount")).to_have_attribute("aria-sort", re.compile("ending$"))
    page.locator("#rows").get_by_role("link", name="Next page").click()
    expect(page.locator("#rows [aria-current=page]")).to_have_text("2")
    page.get_by_label("Alerts only").check()
    expect(page.locator("#rows tbody .text-danger")).to_have_count(rows.count())
    expect(page.locator("#rows")).not_to_contain_text(N_ALL)
    page.reload()
    expect(page.get_by_label("Alerts only")).to_be_checked()
    page.get_by_role("link", name="Reset").click()
    expect(page.locator("#rows")).to_contain_text(N_ALL)


def download(page: Page, folder: Path) -> None:
    """Take the result away in both forms: the same rows."""
    frames = []
    for kind, read in (("CSV", pl.read_csv), ("Parquet", pl.read_parquet)):
        with page.expect_download() as wanted:
            page.get_by_role("link", name=kind).click()
        file = folder / f"result.{kind.lower()}"
        wanted.value.save_as(file)
        frames.append(read(file))
    assert frames[0].height == frames[1].height > 1_000
    assert sorted(frames[1]["row"]) == list(range(1, frames[1].height + 1))
    assert frames[1]["score"].is_sorted(descending=True)


def open_an_alert(page: Page) -> None:
    """See why a payment is an alert."""
    page.locator("#rows tbody tr").first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rank 1")
    expect(page.locator("#reasons")).to_contain_text(
        re.compile("reason|because|why", re.IGNORECASE)
    )
    expect(page.locator("#reasons .graph canvas").first).to_be_visible()
    expect(page.locator("#reasons [data-island=timeline] canvas").first).to_be_visible()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rank 2")


def test_a_row_that_was_not_explained_is_explained_on_demand(
    alice_page: Page, world: World
) -> None:
    page = alice_page
    page.goto(f"/results/{world.prediction}/?sort=-rank")
    page.locator("#rows tbody tr").first.get_by_role("link").click()

    page.get_by_role("button", name="Explain this row").click()

    expect(page.locator("#reasons .graph canvas").first).to_be_visible(timeout=60_000)


def test_an_approver_makes_a_model_live_and_the_trail_keeps_why(open_page, world: World) -> None:
    dora: Page = open_page("dora")
    dora.goto(f"/models/{world.model}/")

    dora.get_by_label("Why").fill("Better than the baseline on last week.")
    dora.get_by_role("button", name="Promote").click()
    dora.get_by_role("button", name="Make it live").click()

    expect(dora.locator(".page-header")).to_contain_text("Live")
    expect(dora.get_by_text("Better than the baseline on last week.")).to_be_visible()
    ada: Page = open_page("ada")
    ada.goto("/audit/")
    expect(ada.locator("#content")).to_contain_text("model.promoted")


def test_an_analyst_is_not_offered_to_make_a_model_live(alice_page: Page, world: World) -> None:
    alice_page.goto(f"/models/{world.model}/")

    expect(alice_page.get_by_role("heading", name="How good it is")).to_be_visible()
    expect(alice_page.get_by_role("button", name="Promote")).to_have_count(0)
