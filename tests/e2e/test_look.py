"""How pages look: light and dark, wide and narrow; pictures of each are left for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.world import World

NARROW = {"width": 390, "height": 844}
MODES = ("light", "dark", "narrow")
# Wider than the window: the page itself would scroll sideways. Tables scroll inside their box.
_TOO_WIDE = """() => {
  const wide = document.documentElement.scrollWidth;
  if (wide <= window.innerWidth) return [];
  const inside = (e) => e.closest(".table-responsive, pre, .graph, .chart, .overflow-auto");
  return [...document.body.querySelectorAll("*")]
    .filter((e) => e.getBoundingClientRect().right > window.innerWidth + 1 && !inside(e))
    .slice(0, 5).map((e) => `${e.tagName}.${e.className}`.slice(0, 120));
}"""
_SETTLED = """() => [...document.querySelectorAll("[data-island]")]
  .every((island) => island.dataset.islandReady !== undefined)"""


def settle(page: Page) -> None:
    """Wait until the islands of a page have drawn."""
    page.wait_for_load_state("load")
    page.wait_for_function(_SETTLED)
    page.wait_for_timeout(400)


def choices(mode: str) -> dict:
    """Return how the browser is opened for a way of looking."""
    if mode == "narrow":
        return {"viewport": NARROW, "has_touch": True, "is_mobile": True}
    return {"color_scheme": mode}


@pytest.mark.parametrize("mode", MODES)
def test_every_page_fits_and_draws(open_page, world: World, screens: Path, mode: str) -> None:
    page = open_page("alice", **choices(mode))
    too_wide = {}

    for name, address in world.pages().items():
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, f"{name}: {answer.status} {address}"
        settle(page)
        page.screenshot(path=screens / f"{name}-{mode}.png", full_page=True)
        if page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth"):
            too_wide[name] = page.evaluate(_TOO_WIDE)

    assert not too_wide


@pytest.mark.parametrize("mode", MODES)
def test_pages_of_strangers_and_of_errors_fit(open_page, watch, screens: Path, mode: str) -> None:
    watch.expect(r"404 \(Not Found\)")
    stranger, alice = open_page(**choices(mode)), open_page("alice", **choices(mode))

    stranger.goto("/accounts/login/")
    alice.goto("/jobs/00000000-0000-4000-8000-000000000000/")

    for name, page in (("login", stranger), ("not-found", alice)):
        page.screenshot(path=screens / f"{name}-{mode}.png", full_page=True)
        assert not page.evaluate(_TOO_WIDE)
    expect(alice.get_by_role("link", name="dashboard").first).to_be_visible()


def test_the_chosen_theme_stays_on_other_pages_and_after_a_new_login(open_page) -> None:
    first = open_page("bob", color_scheme="light")
    first.goto("/")
    theme = first.locator("html")
    expect(theme).to_have_attribute("data-bs-theme", "light")

    with first.expect_response("**/theme/"):
        first.get_by_role("button", name="Change the theme").locator("visible=true").click()

    expect(theme).to_have_attribute("data-bs-theme", "dark")
    first.goto("/jobs/")
    expect(theme).to_have_attribute("data-bs-theme", "dark")
    elsewhere = open_page("bob", color_scheme="light")
    elsewhere.goto("/")
    expect(elsewhere.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_menu_opens_and_closes_on_a_narrow_page(open_page) -> None:
    page = open_page("alice", viewport=NARROW)
    page.goto("/")
    menu = page.get_by_role("navigation", name="Main")
    expect(menu).to_be_hidden()

    page.get_by_role("button", name="Menu").click()
    expect(menu).to_be_visible()
    menu.get_by_role("link", name="Jobs").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
