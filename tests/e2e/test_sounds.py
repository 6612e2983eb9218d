"""A question about a sound: a picture and a clip go together, and the clip is played again."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

from solutions.vqa import solution as vqa
from solutions.vqa.simulate import pack, scenes
from tests.e2e.test_look import _TOO_WIDE, MODES, choices, settle
from tests.e2e.tutorial import CLIP

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.rest import Rest

QUICK = {"epochs": 16, "width": 32, "lr": 5e-3, "pictures_per_step": 16}
QUESTION = "How many beeps are there?"
# Where the player is, how long the clip is, and what went wrong with it.
_PLAYED = """async (audio) => {
  audio.muted = true;
  await audio.play();
  await new Promise((done) => {
    audio.onended = done;
    audio.currentTime = 1.5;
  });
  return [audio.currentTime, audio.duration, audio.error];
}"""


@pytest.fixture(scope="module")
def folder(rest: Rest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model that hears, and return a folder with a picture."""
    out = tmp_path_factory.mktemp("sounds")
    files, asked = scenes(260, seed=0, sounds=1.0)
    pack(files, [one for one in asked if "beep" in one[1].question.lower()], out / "beeps.zip")
    version = rest.send_file(
        "datasets/", out / "beeps.zip", solution="vqa", name="Beeps", mapping="auto"
    )
    rest.finish(version["job"])
    run = rest.post("solutions/vqa/trainings/", dataset_version=version["id"], options=QUICK)
    rest.finish(run["job"])
    with zipfile.ZipFile(vqa.demo()) as archive:
        name = next(name for name in archive.namelist() if name.startswith("images/"))
        (out / "scene.png").write_bytes(archive.read(name))
    return out


def ask(page: Page, folder: Path, sound: Path) -> None:
    page.get_by_label("Picture", exact=True).set_input_files(folder / "scene.png")
    page.get_by_label("Sound", exact=True).set_input_files(sound)
    page.get_by_label("Question", exact=True).fill(QUESTION)
    page.get_by_role("button", name="Ask").click()


def player(page: Page) -> Locator:
    return page.locator("article").first.get_by_label("Sound: three-beeps.wav")


def test_beeps_are_counted_and_the_clip_is_played(alice_page: Page, folder: Path) -> None:
    page = alice_page
    page.goto("/solutions/vqa/ask/")
    ask(page, folder, CLIP)

    expect(page).to_have_url(re.compile(r"\?thread="), timeout=60_000)
    page.reload()
    expect(page.locator("article .answer-words")).to_have_text("3")
    expect(page.get_by_role("heading", name="When it listened")).to_be_visible()
    at, seconds, error = player(page).evaluate(_PLAYED)
    assert (seconds, error) == (2.0, None)
    assert at == pytest.approx(2.0, abs=0.05)

    # Both files are meant again; neither is sent again.
    for name in ("Picture", "Sound"):
        expect(page.get_by_label(name, exact=True)).to_have_value("")
    page.get_by_label("Question", exact=True).fill("Are the beeps high or low?")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("article")).to_have_count(2)
    expect(page.locator("article .answer-words").first).to_have_text("high")
    expect(player(page)).to_be_visible()


def test_what_is_no_sound_is_refused_beside_the_form(
    alice_page: Page, watch, folder: Path, tmp_path: Path
) -> None:
    watch.expect(r"422|413")
    page = alice_page
    fake, large = tmp_path / "song.wav", tmp_path / "hours.wav"
    fake.write_bytes(b"ID3" + bytes(2_000))
    large.write_bytes(bytes(26 * 2**20))

    page.goto("/solutions/vqa/ask/")
    n_before = page.locator("article").count()
    ask(page, folder, fake)
    expect(page.get_by_role("alert")).to_contain_text("A sound must be a WAV file.")
    page.get_by_label("Sound", exact=True).set_input_files(large)
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert")).to_contain_text("hours.wav: A file must be at most")
    expect(page.locator("article")).to_have_count(n_before)


def test_a_clip_that_is_dropped_goes_to_its_own_field(alice_page: Page) -> None:
    page = alice_page
    page.goto("/solutions/vqa/ask/")
    settle(page)

    page.locator("form.ask-form").evaluate("""(form) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["x"], "a.png", { type: "image/png" }));
      dataTransfer.items.add(new File(["x"], "b.wav", { type: "audio/wav" }));
      form.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
    }""")

    expect(page.get_by_label("Picture", exact=True)).to_have_value(re.compile(r"a\.png$"))
    expect(page.get_by_label("Sound", exact=True)).to_have_value(re.compile(r"b\.wav$"))


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_with_a_sound_looks_right(
    open_page, folder: Path, screens: Path, mode: str
) -> None:
    page = open_page("alice", **choices(mode))
    page.goto("/solutions/vqa/ask/")
    ask(page, folder, CLIP)
    expect(page).to_have_url(re.compile(r"\?thread="), timeout=60_000)
    page.reload()
    settle(page)

    page.screenshot(path=screens / f"ask-sound-{mode}.png", full_page=True)

    assert not page.evaluate(_TOO_WIDE)
