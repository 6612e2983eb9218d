"""A policy of retraining at its pages: made, looked at, run by hand, paused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_look import _TOO_WIDE, MODES, choices, settle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.rest import Rest
    from tests.e2e.world import World

QUICK = {"epochs": 1, "hidden": 16}


def test_times_are_shown_while_they_are_typed_and_the_policy_is_kept(
    alice_page: Page, world: World
) -> None:
    page = alice_page
    page.goto("/schedules/")
    page.get_by_role("link", name="Card payment fraud").click()
    page.get_by_label("Name").fill("Nights in Berlin")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    preview = page.locator("#preview")

    page.get_by_label("Times, as cron writes them").fill("99 3 * * *")
    expect(preview).to_contain_text("The minute of a schedule must be")
    page.get_by_label("Times, as cron writes them").fill("30 2 * * *")
    expect(preview).to_contain_text("At 02:30 (Europe/Berlin)")
    expect(preview.locator("time")).to_have_count(5)

    page.get_by_label("Dataset").select_option(label="Payments of January")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Nights in Berlin")
    expect(page.locator("#history")).to_contain_text("It has not run yet")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


@pytest.fixture(scope="module")
def policy(rest: Rest, world: World) -> str:
    """A policy that trains quickly."""
    made = rest.post(
        "schedules/", name="Each Monday", dataset=world.dataset, trigger="clock",
        cron="0 3 * * 1", n_labels=200, options=QUICK, outcome="live",
    )  # fmt: skip
    return str(made["id"])


def test_a_run_by_hand_tells_its_end_without_a_reload(alice_page: Page, policy: str) -> None:
    page = alice_page
    page.goto(f"/schedules/{policy}/")

    page.get_by_role("button", name="Run now").click()
    page.get_by_role("button", name="Run it").click()

    history = page.locator("#history")
    expect(history).to_contain_text(re.compile("Queued|Running"))
    # Another test may have made a model live; then both figures are told.
    told = re.compile("there is no live model to compare with|of the challenger against")
    expect(history).to_contain_text(told, timeout=240_000)
    expect(history.get_by_role("link", name=re.compile("Model"))).to_be_visible()


@pytest.mark.parametrize("mode", MODES)
def test_its_page_fits(open_page, policy: str, screens: Path, mode: str) -> None:
    page = open_page("dora", **choices(mode))
    for name, address in (
        ("policy", f"/schedules/{policy}/"),
        ("policies", "/schedules/"),
        ("policy-form", f"/schedules/{policy}/edit/"),
    ):
        page.goto(address)
        settle(page)
        page.screenshot(path=screens / f"{name}-{mode}.png", full_page=True)
        assert not page.evaluate(_TOO_WIDE), name
    page.goto(f"/schedules/{policy}/")
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
