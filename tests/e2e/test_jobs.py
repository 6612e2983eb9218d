"""Watching and stopping work in the background."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.e2e.rest import Rest
    from tests.e2e.world import World

SLOW_NET = {"epochs": 200, "hidden": 64}


def test_a_running_job_shows_its_progress_and_is_cancelled(
    alice_page: Page, rest: Rest, world: World
) -> None:
    run = rest.train(world.version, SLOW_NET)
    page = alice_page
    page.goto(f"/jobs/{run['job']}/")
    expect(page.locator("#job-live")).to_have_attribute("data-state", "running", timeout=30_000)
    expect(page.get_by_role("progressbar")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("log")).to_contain_text("rows of")

    page.reload()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()

    expect(page.locator("#job-live")).to_have_attribute("data-state", "cancelled", timeout=30_000)
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    page.goto(f"/runs/{run['id']}/")
    expect(page.locator("#live")).to_contain_text("Cancelled")
    assert rest.get(f"runs/{run['id']}/")["model"] is None


def test_the_list_of_jobs_is_narrowed_by_state(alice_page: Page, world: World) -> None:
    page = alice_page
    page.goto("/jobs/")

    page.get_by_label("State").select_option("rejected")
    page.get_by_role("button", name="Filter").click()

    expect(page.locator("tbody")).to_contain_text("With errors")
    expect(page.locator("tbody")).not_to_contain_text("Train")


def test_an_unreachable_job_is_told_in_the_words_of_the_page(
    alice_page: Page, watch, world: World
) -> None:
    watch.expect(r"404 \(Not Found\)")

    answer = alice_page.goto("/jobs/00000000-0000-4000-8000-000000000000/")

    assert answer is not None
    assert answer.status == 404
    expect(alice_page.get_by_role("heading", level=1)).to_have_text(re.compile(r"\w+"))
