"""What the page of a solution offers to copy does what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.product import Product
    from tests.e2e.world import World


def test_the_python_snippet_uploads_and_scores(
    alice_page: Page, product: Product, world: World, files: Path, tmp_path: Path
) -> None:
    alice_page.goto("/solutions/fraud/")
    code = alice_page.locator("pre", has_text="import requests").inner_text()
    (tmp_path / "data.csv").write_bytes((files / "new payments.csv").read_bytes())
    scopes = ("datasets.upload", "datasets.view", "models.view", "solutions.score")
    key = product.make_key("alice@example.org", *scopes)

    done = subprocess.run(  # noqa: S603  the code that the page shows
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "ASSAY_KEY": key},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    assert "ready 3123" in done.stdout
    assert world.model in done.stdout


def test_a_key_is_made_shown_once_and_revoked(alice_page: Page) -> None:
    page = alice_page
    page.goto("/settings/keys/")
    page.get_by_label("Name").fill("nightly scoring")
    page.get_by_label("datasets.view").check()
    page.get_by_role("button", name="Make key").click()

    expect(page.locator(".code-block code")).to_contain_text("assay_")
    page.goto("/settings/keys/")
    expect(page.locator(".code-block")).to_have_count(0)
    row = page.get_by_role("row").filter(has_text="nightly scoring")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()

    expect(page.get_by_role("row").filter(has_text="nightly scoring")).to_have_count(0)
