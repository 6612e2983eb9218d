"""Features at their pages: computed for a dataset, shown with their lineage, looked up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_look import _TOO_WIDE, MODES, choices, settle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.rest import Rest

VIEW = "/features/fraud/card_activity/"


@pytest.fixture(scope="module")
def kept(rest: Rest, files: Path) -> str:
    """A view that was materialised by REST."""
    version = rest.bring(files / "payments.csv", "Payments with features")
    begun = rest.post("features/", dataset_version=version, view="card_activity")
    rest.finish(begun["job"])
    return str(begun["view"])


def test_features_are_computed_and_a_card_is_looked_up(
    alice_page: Page, rest: Rest, files: Path
) -> None:
    rest.bring(files / "payments.csv", "Payments to look up")
    newest = pl.read_csv(files / "payments.csv").tail(1)
    card = str(newest.select(pl.col("^card.*|^CUSTOMER.*|^cc_num$")).row(0)[0])
    page = alice_page
    page.goto("/features/")
    page.get_by_role("link", name="What a card pays").click()
    page.get_by_role("link", name="Materialise").first.click()
    page.get_by_label("Data").select_option(label="Payments to look up v1")
    page.get_by_role("button", name="Materialise").click()

    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=120_000)
    page.goto(VIEW)
    page.get_by_role("link", name="Payments to look up").click()
    expect(page.get_by_text("It is up to its definition and its dataset.")).to_be_visible()

    page.get_by_label("card_id").fill(card)
    page.get_by_role("button", name="Look up").click()

    found = page.locator("#look-up")
    expect(found).to_contain_text(re.compile(r"recent row|Nothing is kept"))
    expect(found.get_by_text("amount_sum_28d")).to_be_visible()
    expect(page.get_by_label("card_id")).to_have_value(card)


@pytest.mark.parametrize("mode", MODES)
def test_its_pages_fit(open_page, kept: str, screens: Path, mode: str) -> None:
    page = open_page("alice", **choices(mode))
    for name, address in (
        ("features", "/features/"),
        ("feature-definition", VIEW),
        ("feature-view", f"/features/views/{kept}/"),
        ("feature-form", f"{VIEW}materialise/"),
    ):
        page.goto(address)
        settle(page)
        page.screenshot(path=screens / f"{name}-{mode}.png", full_page=True)
        assert not page.evaluate(_TOO_WIDE), name
