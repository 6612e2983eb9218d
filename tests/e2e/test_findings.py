"""A file with bad rows is rescued, looked through and compared, by a person in a browser."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

from tests.e2e.test_upload import upload

if TYPE_CHECKING:
    from pathlib import Path

SLOW_MS = 60_000


def test_good_rows_are_kept_looked_through_and_compared(
    alice_page: Page, files: Path, tmp_path: Path
) -> None:
    page = alice_page
    leaky = tmp_path / "leaky.csv"
    lines = (files / "errors.csv").read_text("utf-8").splitlines()
    cause = ["TX_FRAUD_SCENARIO", *(line.rpartition(",")[2] for line in lines[1:])]
    told = [f"{line},{cell}" for line, cell in zip(lines, cause, strict=True)]
    leaky.write_text("\n".join(told) + "\n", "utf-8")
    upload(page, leaky, "To be rescued")
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("heading", name="The file cannot be used as it is")).to_be_visible(
        timeout=SLOW_MS
    )

    page.get_by_role("button", name="Keep the good rows").click()
    page.get_by_role("link", name="Open the result").first.click(timeout=SLOW_MS)
    expect(page.get_by_role("heading", name="Where it comes from")).to_be_visible(timeout=SLOW_MS)

    expect(page.get_by_text("4 put aside")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="each with its reason").click()
    download.value.save_as(tmp_path / "aside.csv")
    with (tmp_path / "aside.csv").open(newline="", encoding="utf-8-sig") as stream:
        rows = {line["row"]: line["reason"] for line in csv.DictReader(stream)}
    assert set(rows) == {"3", "5", "8", "13"}
    assert "amount must be a number" in rows["3"]

    page.get_by_role("link", name="Open", exact=True).click()
    expect(page.get_by_role("heading", name="Findings", exact=True)).to_be_visible()
    expect(page.locator("#findings")).to_contain_text("Looked at", timeout=SLOW_MS)
    expect(page.locator("#content")).not_to_contain_text("C0000")  # cards are personal


def test_a_leak_is_found_filtered_and_its_version_compared(
    alice_page: Page, files: Path, tmp_path: Path
) -> None:
    page = alice_page
    lines = (files / "payments.csv").read_text("utf-8").splitlines()
    cause = ["TX_FRAUD_SCENARIO", *(f"kind {line.rpartition(',')[2]}" for line in lines[1:])]
    told = [f"{line},{cell}" for line, cell in zip(lines, cause, strict=True)]
    (tmp_path / "leaky.csv").write_text("\n".join(told) + "\n", "utf-8")
    upload(page, tmp_path / "leaky.csv", "With a leak")
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("heading", name="Where it comes from")).to_be_visible(timeout=SLOW_MS)

    page.get_by_role("link", name="Open", exact=True).or_(
        page.get_by_role("link", name="Look", exact=True)
    ).click()

    found = page.locator("#findings")
    expect(found).to_contain_text("TX_FRAUD_SCENARIO must not tell is_fraud", timeout=SLOW_MS)
    with page.expect_response(lambda response: "column=TX" in response.url):
        page.get_by_label("Column").select_option("TX_FRAUD_SCENARIO")
    page.wait_for_timeout(200)  # new fields hear nothing while they settle, for 20 ms
    expect(found.locator(".list-group-item")).to_have_count(1)
    page.get_by_label("Severity").select_option("error")
    expect(found).to_contain_text("Nothing of that kind")

    page.get_by_role("link", name="With a leak v1").click()
    page.get_by_role("link", name="Compare").click()
    page.get_by_label("Compare with").select_option(index=1)
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("button", name="Compare now").click()
    expect(page.get_by_role("heading", name="Rows", exact=True)).to_be_visible(timeout=SLOW_MS)
