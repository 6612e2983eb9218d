"""Bringing a file: columns to confirm, reasons row by row, and files that are none."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from pathlib import Path


PURPOSE = "Card payment fraud"


def choose(page: Page, file: Path, name: str = "") -> None:
    """Open the page of uploads and choose a file, as the dialog of the browser would."""
    page.goto("/datasets/upload/")
    page.get_by_label("What is it for?").select_option(label=PURPOSE)
    if name:
        page.get_by_label("Name").fill(name)
    page.locator("input[type=file]").set_input_files(file)


def upload(page: Page, file: Path, name: str = "") -> None:
    """Choose a file and send it."""
    choose(page, file, name)
    page.get_by_role("button", name="Upload").click()


def test_a_file_is_mapped_by_itself_confirmed_and_ready(alice_page: Page, files: Path) -> None:
    page = alice_page

    upload(page, files / "new payments.csv", "A good file")
    expect(page.get_by_role("heading", name="Which column is what?")).to_be_visible()
    expect(page.get_by_label("Amount")).to_have_value("TX_AMOUNT")
    expect(page.get_by_label("Card")).to_have_value("CUSTOMER_ID")
    expect(page.get_by_text("All columns were recognised")).to_be_visible()
    page.get_by_role("button", name="Check the file").click()

    expect(page.get_by_role("link", name="Score", exact=True)).to_be_visible(timeout=60_000)
    expect(page.locator("#rows tbody tr").first).to_be_visible()


def test_a_dropped_file_is_taken_like_a_chosen_one(alice_page: Page, files: Path) -> None:
    page = alice_page
    page.goto("/datasets/upload/")
    page.get_by_label("What is it for?").select_option(label=PURPOSE)
    text = (files / "payments.csv").read_text("utf-8")
    transfer = page.evaluate_handle(
        """(text) => {
          const data = new DataTransfer();
          data.items.add(new File([text], "dropped.csv", { type: "text/csv" }));
          return data;
        }""",
        text,
    )

    page.dispatch_event(".drop-zone", "drop", {"dataTransfer": transfer})
    expect(page.locator(".drop-name")).to_contain_text("dropped.csv")
    page.get_by_role("button", name="Upload").click()

    expect(page.get_by_role("heading", name="Which column is what?")).to_be_visible()
    expect(page.get_by_text("dropped.csv")).to_be_visible()


WRONG_ROWS = {
    3: "amount must be a number",
    5: "amount must be 0 or more",
    8: "time must not lie in the future",
    13: "transaction_id must differ",
}


def test_wrong_rows_are_told_one_by_one_and_can_be_downloaded(
    alice_page: Page, files: Path, tmp_path: Path
) -> None:
    page = alice_page
    upload(page, files / "errors.csv", "With errors")
    page.get_by_role("button", name="Check the file").click()

    expect(page.get_by_role("heading", name="The file cannot be used as it is")).to_be_visible(
        timeout=60_000
    )
    reasons = page.get_by_role("row")
    for row, words in WRONG_ROWS.items():
        expect(reasons.filter(has_text=re.compile(rf"^\s*{row}\s")).first).to_contain_text(words)
    expect(page.locator("#content")).not_to_contain_text("C0000")  # cards are personal
    with page.expect_download() as download:
        page.get_by_role("link", name="All reasons").click()
    download.value.save_as(tmp_path / "reasons.csv")
    with (tmp_path / "reasons.csv").open(newline="", encoding="utf-8-sig") as stream:
        told = list(csv.DictReader(stream))
    assert {"3", "5", "8", "13"} <= {line["row"] for line in told}


UNUSABLE = {
    "empty.csv": "empty",
    "header.csv": "header only",
    "carets.csv": "separated by",
    "latin.csv": "UTF-8",
    "zip.csv": "ZIP",
    "cut.parquet": "whole",
    "large.csv": "at most",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_file_that_cannot_be_used_is_refused_with_what_to_do(
    alice_page: Page, watch, files: Path, name: str
) -> None:
    watch.expect(r"status of (400|413|422)")
    page = alice_page

    upload(page, files / name, f"Unusable {name}")

    expect(page.locator(".upload-errors")).to_contain_text(UNUSABLE[name])
    assert page.url.endswith("/datasets/upload/")
    page.goto("/datasets/")
    expect(page.locator("#content")).not_to_contain_text(f"Unusable {name}")


def test_a_file_without_a_needed_column_asks_for_it(alice_page: Page, watch, files: Path) -> None:
    watch.expect(r"status of 422")
    page = alice_page
    upload(page, files / "no_amount.csv", "Without amounts")

    expect(page.get_by_text("Some columns were not recognised")).to_be_visible()
    page.get_by_role("button", name="Check the file").click()

    expect(page.get_by_role("heading", name="Which column is what?")).to_be_visible()
    expect(page.locator(".invalid-feedback, [role=alert]").first).to_be_visible()


def test_a_form_without_scripts_takes_a_file_too(open_page, files: Path) -> None:
    page = open_page("alice", java_script_enabled=False)

    upload(page, files / "new payments.csv", "Without scripts")
    page.get_by_role("button", name="Check the file").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Version 1")
