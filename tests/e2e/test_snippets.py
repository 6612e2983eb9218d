"""What the page of a solution offers to copy does what it says, in both languages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from solutions.casting import solution as casting
from solutions.vqa import solution as vqa

if TYPE_CHECKING:
    from solutions.registry import AnySolution
    from tests.e2e.product import Product
    from tests.e2e.rest import Rest
    from tests.e2e.world import World

SCOPES = ("datasets.upload", "datasets.view", "models.view", "solutions.score")
PICTURES = {"vqa": (vqa, {"epochs": 1}), "casting": (casting, {"epochs": 1})}


def run(page: Page, title: str, language: str, folder: Path, key: str) -> str:
    """Run what a card shows as a person would who copied it; returns what it printed."""
    card = page.locator(".card", has=page.get_by_role("heading", name=title, exact=True))
    code = card.locator("pre").inner_text()
    command = [sys.executable, "-c", code] if language == "python" else ["bash", "-ec", code]
    done = subprocess.run(  # noqa: S603  the code that the page shows
        command, cwd=folder, env={**os.environ, "ASSAY_KEY": key},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def key(product: Product) -> str:
    return product.make_key("alice@example.org", *SCOPES)


@pytest.fixture(scope="module", params=sorted(PICTURES))
def solution(request: pytest.FixtureRequest, rest: Rest) -> AnySolution:
    """Return a solution of pictures that has a model."""
    found, options = PICTURES[request.param]
    if not rest.get("models/", solution=found.slug)["results"]:
        version = rest.send_file("datasets/", found.demo(), solution=found.slug, mapping="auto")
        rest.finish(version["job"])
        run = rest.post(
            f"solutions/{found.slug}/trainings/", dataset_version=version["id"], options=options
        )
        rest.finish(run["job"])
    return found


@pytest.mark.parametrize("language", ["python", "curl"])
def test_a_table_is_uploaded_and_scored(
    alice_page: Page, key: str, world: World, files: Path, tmp_path: Path, language: str
) -> None:
    (tmp_path / "data.csv").write_bytes((files / "new payments.csv").read_bytes())
    alice_page.goto("/solutions/fraud/")
    name = {"python": "Python", "curl": "curl"}[language]
    alice_page.get_by_role("link", name=name, exact=True).click()

    told = run(alice_page, "Score a file", language, tmp_path, key)

    assert world.model in told
    if language == "python":
        assert "ready 3123" in told


@pytest.mark.parametrize("language", ["python", "curl"])
def test_a_picture_is_asked_about_and_an_archive_is_scored(
    alice_page: Page, key: str, solution: AnySolution, tmp_path: Path, language: str
) -> None:
    shutil.copy(solution.demo(), tmp_path / "pictures.zip")
    with zipfile.ZipFile(solution.demo()) as archive:
        name = next(n for n in archive.namelist() if n.startswith("images/"))
        (tmp_path / "picture.jpg").write_bytes(archive.read(name))
    alice_page.goto(f"/solutions/{solution.slug}/code/?in={language}")

    said = run(alice_page, "Ask about one", language, tmp_path, key)
    scored = run(alice_page, "Score a file", language, tmp_path, key)

    assert "label" in said
    assert "queued" in scored


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
