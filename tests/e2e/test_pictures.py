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
    return pictures_of(solution, folder, 1)[0]


def pictures_of(solution: AnySolution, folder: Path, n: int) -> list[Path]:
    """Take some pictures out of a demo."""
    with zipfile.ZipFile(solution.demo()) as archive:
        names = [name for name in archive.namelist() if name.startswith("images/")][:n]
        files = [folder / Path(name).name for name in names]
        for name, file in zip(names, files, strict=True):
            file.write_bytes(archive.read(name))
    return files


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
    # The form stays: focused, its words selected, and a thread that survives a reload.
    expect(page.get_by_label("Question", exact=True)).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?thread="))

    page.get_by_label("Wrong? It is").first.fill("no")
    page.get_by_role("button", name="Correct it").first.click()
    expect(page.get_by_text("It counts as a new label.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("It counts as a new label.")).to_be_visible()
    expect(page.locator("article")).to_have_count(2)

    page.get_by_role("link", name="Table of questions").click()
    folder = tmp_path / "folder.zip"
    with zipfile.ZipFile(folder, "w") as archive:
        for file in pictures_of(vqa, tmp_path, 3):
            archive.write(file, file.name)
    page.get_by_label("Pictures", exact=True).set_input_files(folder)
    page.get_by_label("Questions", exact=True).fill("Is there a circle?\nHow many squares?")
    page.get_by_role("button", name="Ask them all").click()
    page.get_by_role("link", name="By picture").click(timeout=LONG_MS)
    expect(page.get_by_role("columnheader", name="How many squares?")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(3)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert lines[0] == "picture,Is there a circle?,How many squares?"

    page.goto("/answers/?solution=vqa")
    page.get_by_role("button", name="Make a dataset of 1 label").click()
    page.get_by_role("link", name="Open the result").first.click(timeout=LONG_MS)
    page.wait_for_url(re.compile("/datasets/versions/"))


def test_a_casting_is_inspected_and_boxes_follow_the_limit(
    alice_page: Page, tmp_path: Path
) -> None:
    page = alice_page
    data = train_on_the_demo(page, casting, Epochs="6")

    page.goto("/solutions/casting/ask/")
    # A scanner types the serial and ends it with Enter; the picture is next.
    page.get_by_label("Part", exact=True).press_sequentially("A-17")
    page.get_by_label("Part", exact=True).press("Enter")
    expect(page.get_by_label("Picture", exact=True)).to_be_focused()
    page.get_by_text("Settings, kept for this thread").click()
    page.get_by_label("Millimetres per pixel").fill("0.5")
    page.get_by_label("Picture", exact=True).set_input_files(picture_of(casting, tmp_path))
    page.get_by_role("button", name="Ask").click()

    expect(page.locator("svg.picture image")).to_have_count(1, timeout=60_000)
    expect(page.get_by_role("heading", name=re.compile("By the chosen limits"))).to_be_visible()
    verdict = page.locator("article h2.verdict")
    expect(verdict).to_have_text(re.compile("pass|fail|review"))
    other = "fail" if verdict.text_content() == "pass" else "pass"

    page.get_by_role("button", name=f"It is {other}").click()
    expect(page.get_by_text("An override must have a reason.")).to_be_visible()
    page.get_by_label("Or override it, because").fill("Seen under the microscope.")
    page.get_by_role("button", name=f"It is {other}").click()
    expect(page.get_by_text("“Seen under the microscope.”")).to_be_visible()

    page.goto("/answers/?q=a-17")
    expect(page.get_by_role("cell", name=re.compile("A-17"))).to_be_visible()

    several = pictures_of(casting, tmp_path, 3)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    page.goto("/solutions/casting/ask/")
    page.get_by_label("Picture", exact=True).set_input_files([several[0], bad, *several[1:]])
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_text("3 of 4 answered, 1 could not be.")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("alert").get_by_text("bad.png:")).to_be_visible()
    # The three new ones stand above the one of before.
    expect(page.locator("article")).to_have_count(4)

    page.goto(data)
    page.get_by_role("link", name="Score", exact=True).click()
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("heading", name="All rows, ranked")).to_be_visible(timeout=LONG_MS)
