"""The admin's desk in a browser: invite, lock out, look at workers and health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import log_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.product import Product

NEW_PASSWORD = "a passphrase of Erin's own"


@pytest.fixture
def ada_page(open_page) -> Page:
    """Return a page in which Ada, an admin, has logged in."""
    return open_page("ada")


def invite(page: Page, email: str) -> str:
    """Invite a person and return the link that is shown once."""
    page.goto("/people/")
    page.get_by_role("link", name="Invite").click()
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Role").select_option("engineer")
    page.get_by_label("Fraud desk").check()
    page.get_by_role("button", name="Invite").click()
    link = page.locator(".code-block code")
    expect(link).to_contain_text("/accounts/welcome/")
    return link.inner_text().strip()


def set_password(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password confirmation").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_text("Your password is set.")).to_be_visible()


def test_an_invited_person_logs_in_and_is_out_when_deactivated(
    ada_page: Page, open_page, product: Product
) -> None:
    link = invite(ada_page, "erin@example.org")
    erin = open_page()
    set_password(erin, link)
    log_in(erin, product.url, "erin@example.org", NEW_PASSWORD)
    erin.goto("/datasets/")
    expect(erin.get_by_role("heading", level=1)).to_have_text("Datasets")

    ada_page.goto("/people/?q=erin")
    ada_page.get_by_role("link", name="erin@example.org").click()
    ada_page.get_by_role("button", name="Deactivate").click()
    ada_page.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    expect(ada_page.get_by_text("is locked out")).to_be_visible()

    erin.goto("/datasets/")
    expect(erin.get_by_role("heading", name="Log in")).to_be_visible()
    ada_page.goto("/audit/?action=user.deactivated")
    expect(ada_page.locator("code", has_text="user.deactivated").first).to_be_visible()


def test_the_pages_of_the_house_are_for_admins(alice_page: Page) -> None:
    alice_page.goto("/")
    menu = alice_page.get_by_role("navigation", name="Main")

    expect(menu.get_by_role("link", name="Jobs")).to_be_visible()
    expect(menu.get_by_role("link", name="People")).to_have_count(0)
    expect(menu.get_by_role("link", name="Health")).to_have_count(0)


def test_workers_and_health_show_the_running_product(ada_page: Page) -> None:
    page = ada_page
    page.goto("/jobs/workers/")
    expect(page.get_by_text("Alive")).to_have_count(2)  # the worker and the beat
    expect(page.get_by_text("nobody")).to_have_count(0)

    page.goto("/monitoring/")
    for part in ("Web", "Database", "Broker", "Storage", "Models"):
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=part))
        expect(row.get_by_text("Good")).to_be_visible()
    page.goto("/monitoring/storage/")
    page.get_by_role("button", name="Measure now").click()
    expect(page.get_by_text("Storage is measured.")).to_be_visible()
    page.get_by_role("button", name="Sweep").click()
    page.get_by_role("dialog").get_by_role("button", name="Sweep").click()
    expect(page.get_by_text("half-written ones are removed")).to_be_visible()


@pytest.mark.parametrize("mode", ["light", "dark", "narrow"])
def test_the_pages_of_the_house_fit(open_page, screens: Path, mode: str) -> None:
    narrow = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = open_page("ada", **(narrow if mode == "narrow" else {"color_scheme": mode}))
    pages = {
        "people": "/people/", "invite": "/people/new/", "teams": "/people/teams/",
        "roles": "/people/roles/", "keys-of-all": "/people/keys/", "workers": "/jobs/workers/",
        "health": "/monitoring/", "storage": "/monitoring/storage/", "keys": "/monitoring/keys/",
        "code": "/solutions/vqa/code/?in=python",
    }  # fmt: skip
    too_wide = []

    for name, address in pages.items():
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, f"{name}: {answer.status}"
        page.screenshot(path=screens / f"{name}-{mode}.png", full_page=True)
        if page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth"):
            too_wide.append(name)

    assert not too_wide
