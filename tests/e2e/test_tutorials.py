"""The tutorials, done as they are written, on an installation that nobody has used before."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.product import ROOT, Product, build_frontend
from tests.e2e.test_look import settle
from tests.e2e.tutorial import LONG_MS, Tutorial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.e2e.browser import Watch

FOLDER = ROOT / "docs" / "tutorials"
DEMOS = {"castings": "casting/demo/castings.zip", "questions": "vqa/demo/scenes.zip"}
SAID = {
    "fraud": ("succeeded", "score", "'ap'"),
    "castings": ("succeeded", "label"),
    "questions": ("label", "no", "'listened': '["),
}


@pytest.fixture(scope="module")
def fresh() -> Iterator[Product]:
    """Start a product as its first user finds it: one admin, and demo data."""
    build_frontend()
    home = Path(tempfile.mkdtemp(prefix="assay-tutorial-"))
    try:
        with Product(home) as running:
            yield running
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def page(fresh: Product, browser: Browser, watch: Watch) -> Iterator[Page]:
    """Return a page of nobody, as wide as a laptop's."""
    context = browser.new_context(
        base_url=fresh.url, viewport={"width": 1280, "height": 900}, color_scheme="light"
    )
    watch.attach(context)
    yield context.new_page()
    context.close()


def picture_of(name: str, folder: Path) -> Path | None:
    """Take one picture out of a demo, as a reader would."""
    if name not in DEMOS:
        return None
    with zipfile.ZipFile(ROOT / "solutions" / DEMOS[name]) as archive:
        inside = next(n for n in archive.namelist() if n.startswith("images/"))
        file = folder / Path(inside).name
        file.write_bytes(archive.read(inside))
    return file


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.md")))
def test_a_tutorial_does_what_it_says(
    name: str, page: Page, fresh: Product, tmp_path: Path, screens: Path
) -> None:
    text = (FOLDER / f"{name}.md").read_text("utf-8")
    tutorial = Tutorial(text, picture_of(name, tmp_path))
    assert len(tutorial.steps) >= 5

    for number, step in enumerate(tutorial.steps, start=1):
        tutorial.do(page, step)
        settle(page)
        page.screenshot(path=screens / f"tutorial-{name}-{number}.png")
    tutorial.do(page, tutorial.key_step)
    key = page.locator(".code-block code").inner_text(timeout=LONG_MS).strip()
    said = tutorial.run_script(fresh, key, tmp_path)

    assert [word for word in SAID[name] if word not in said] == [], said
