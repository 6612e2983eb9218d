"""A new key in a browser, while the product runs: everything comes under it, and stays readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.rest import Rest


def test_an_admin_makes_a_key_and_takes_the_old_one_away(
    open_page, alice_page: Page, rest: Rest, files: Path, screens: Path
) -> None:
    version = rest.bring(files / "payments.csv", "Before the new key")
    page: Page = open_page("ada")

    for _ in range(2):  # the first key came with the first start, and is not the product's to drop
        page.goto("/monitoring/keys/")
        page.get_by_role("button", name="New key").click()
        page.get_by_role("dialog").get_by_role("button", name="New key").click()
        expect(page.get_by_text("A new key is current.")).to_be_visible()
        expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=60_000)

    page.goto("/monitoring/keys/")
    expect(page.get_by_text("things are under old keys")).to_have_count(0)
    page.screenshot(path=screens / "keys.png", full_page=True)
    page.get_by_role("button", name="Take away").click()
    page.get_by_role("dialog").get_by_role("button", name="Take away").click()
    expect(page.get_by_text("is taken away.")).to_be_visible()
    kept = alice_page.request.get(f"{rest.url}/datasets/versions/{version}/file/")
    assert kept.body() == (files / "payments.csv").read_bytes()
    page.goto("/audit/?action=encryption.rotated")
    expect(page.locator("code", has_text="encryption.rotated").first).to_be_visible()
