"""How a person comes in: by mouse, by keyboard alone, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

from tests.people import PASSWORD

if TYPE_CHECKING:
    from tests.e2e.product import Product


def test_a_stranger_is_sent_to_the_login_and_back_to_where_they_wanted(
    stranger: Page, product: Product
) -> None:
    stranger.goto("/jobs/")

    expect(stranger.get_by_role("heading", name="Log in")).to_be_visible()
    stranger.get_by_label("Email address").fill("alice@example.org")
    stranger.get_by_label("Password").fill(PASSWORD)
    stranger.get_by_role("button", name="Log in").click()

    stranger.wait_for_url(f"{product.url}/jobs/")


def test_a_wrong_password_is_told_without_saying_which_part_was_wrong(stranger: Page) -> None:
    stranger.goto("/accounts/login/")
    stranger.get_by_label("Email address").fill("bob@example.org")
    stranger.get_by_label("Password").fill("not the password")

    stranger.get_by_role("button", name="Log in").click()

    expect(stranger.get_by_role("alert")).to_contain_text("not correct")
    expect(stranger.get_by_label("Email address")).to_have_value("bob@example.org")
    expect(stranger.get_by_label("Password")).to_have_value("")


def test_it_logs_in_by_keyboard_alone(stranger: Page, product: Product) -> None:
    stranger.goto("/accounts/login/")
    expect(stranger.get_by_label("Email address")).to_be_focused()

    stranger.keyboard.type("alice@example.org")
    stranger.keyboard.press("Tab")
    stranger.keyboard.type(PASSWORD)
    stranger.keyboard.press("Enter")

    stranger.wait_for_url(f"{product.url}/")
    expect(stranger.get_by_role("heading", level=1)).to_contain_text("Dashboard")


def test_the_first_key_press_on_a_page_offers_to_skip_the_navigation(alice_page: Page) -> None:
    alice_page.goto("/")

    alice_page.keyboard.press("Tab")

    expect(alice_page.get_by_role("link", name="Skip to content")).to_be_focused()
    alice_page.keyboard.press("Enter")
    expect(alice_page.locator("#content")).to_be_focused()


def test_logging_out_ends_the_session(open_page, product: Product) -> None:
    page = open_page()
    page.goto("/accounts/login/")
    page.get_by_label("Email address").fill("bob@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{product.url}/")

    page.get_by_role("button", name="Log out").click()
    page.goto("/jobs/")

    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
