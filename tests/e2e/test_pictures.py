"""Pictures in a browser: try the demo, train, score, see boxes; ask a question, and correct it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

from solutions.casting import solution as casting
from solutions.vqa import solution as vqa

if TYPE_CHECKING:
    from solutions.registry import AnySolution

LONG_MS = 150_000


def train_on_the_demo(page: Page, solution: AnySolution, **choices: str) -> str:
    """Take the demo, wait for its check, train with a few choices; return where the data is."""
    page.goto(f"/solutions/{solution.slug}/")
    page.get_by_role("button", name="Try it with demo data").click()
    expect(page.get_by_role("link", name="Train", exact=True)).to_be_visible(timeout=60_000)
    expect(page.locator("#rows img").first).to_be_visible()
    address = page.url
    page.get_by_role("link", name="Train", exact=True).click()
    for label, value in choices.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Start training").click()
    model = page.get_by_role("link", name=re.compile(r"^\s*Model \d"))
    expect(model).to_be_visible(timeout=LONG_MS)
    return address


def picture_of(solution: AnySolution, folder: Path) -> Path:
    """Take one picture out of a demo."""
    with zipfile.ZipFile(solution.demo()) as archive:
        name = next(n for n in archive.namelist() if n.startswith("images/"))
        file = folder / Path(name).name
        file.write_bytes(archive.read(name))
    return file


def test_a_question_about_a_picture_is_answered_followed_up_and_corrected(
    alice_page: Page, tmp_path: Path
) -> None:
    page = alice_page
    train_on_the_demo(page, vqa, Epochs="3")

    page.goto("/solutions/vqa/")
    page.get_by_role("link", name="Ask", exact=True).click()
    page.get_by_label("Picture", exact=True).set_input_files(picture_of(vqa, tmp_path))
    page.get_by_label("Question", exact=True).fill("How many circles are there?")
    page.get_by_role("button", name="Ask").click()

    expect(page.locator("svg.picture image")).to_have_count(1, timeout=60_000)
    expect(page.get_by_role("heading", name="What else it could be")).to_be_visible()

    page.get_by_label("Question", exact=True).fill("Is there a red circle?")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("svg.picture image")).to_have_count(2)

    page.get_by_label("Wrong? It is").first.fill("no")
    page.get_by_role("button", name="Correct it").first.click()
    expect(page.get_by_text("It counts as a new label.")).to_be_visible()


def test_a_casting_is_inspected_and_boxes_follow_the_limit(
    alice_page: Page, tmp_path: Path
) -> None:
    page = alice_page
    data = train_on_the_demo(page, casting, Epochs="6")

    page.goto("/solutions/casting/ask/")
    page.get_by_label("Picture", exact=True).set_input_files(picture_of(casting, tmp_path))
    page.get_by_role("button", name="Ask").click()

    expect(page.locator("svg.picture image")).to_have_count(1, timeout=60_000)
    expect(page.get_by_role("heading", name=re.compile("By the usual limits"))).to_be_visible()

    page.goto(data)
    page.get_by_role("link", name="Score", exact=True).click()
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("heading", name="All rows, ranked")).to_be_visible(timeout=LONG_MS)
