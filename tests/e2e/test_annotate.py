"""Boxes in a browser: drawn, undone, saved, frozen as a new version and taken away."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from tests.e2e.test_look import MODES, choices

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.rest import Rest

SAVED = re.compile(r"^Saved by ")


def casting(size: tuple[int, int]) -> bytes:
    """Draw a grey casting with two dark spots."""
    image = Image.linear_gradient("L").resize(size)
    draw = ImageDraw.Draw(image)
    width, height = size
    draw.ellipse([width * 0.2, height * 0.2, width * 0.3, height * 0.3], fill=10)
    draw.line([width * 0.6, height * 0.4, width * 0.8, height * 0.7], fill=0, width=width // 100)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def archive(path: Path) -> Path:
    """Pack four castings: with a crack, not looked at, with nothing on it, and a large one."""
    with zipfile.ZipFile(path, "w") as packed:
        for name, size in {"a": (640, 480), "b": (480, 640), "c": (640, 480)}.items():
            packed.writestr(f"images/{name}.jpg", casting(size))
        packed.writestr("images/large.jpg", casting((6000, 4000)))
        packed.writestr("data.yaml", "names: [porosity, crack]\n")
        packed.writestr("labels/a.txt", "1 0.7 0.55 0.2 0.3\n")
        packed.writestr("labels/c.txt", "")
    return path


@pytest.fixture(scope="module")
def version(rest: Rest, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = archive(tmp_path_factory.mktemp("castings") / "castings.zip")
    sent = rest.send_file("datasets/", file, solution="casting", name="Castings to draw on")
    rest.finish(sent["job"])
    return str(sent["id"])


def opened(page: Page) -> Page:
    expect(page.locator("[data-stage][data-open]")).to_be_visible()
    return page


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag between two places, given as parts of the stage."""
    frame = page.locator("[data-stage]").bounding_box()
    assert frame is not None
    places = [
        (frame["x"] + frame["width"] * x, frame["y"] + frame["height"] * y) for x, y in (start, end)
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=8)
    page.mouse.up()


def test_boxes_are_drawn_saved_frozen_and_taken_away(
    alice_page: Page, rest: Rest, version: str
) -> None:
    page = alice_page
    page.goto(f"/datasets/versions/{version}/")
    expect(page.locator("#rows img")).to_have_count(4)
    page.get_by_label("Show", exact=True).select_option("unseen")
    expect(page.locator("#rows img")).to_have_count(2)

    page.get_by_role("link", name="b.jpg").click()
    opened(page)
    expect(page.get_by_text("Nobody has looked at this picture yet.")).to_be_visible()
    drag(page, (0.4, 0.3), (0.55, 0.5))
    expect(page.locator("[data-boxes] li")).to_have_count(1)
    page.keyboard.press("2")
    expect(page.locator("[data-boxes] li")).to_have_text(re.compile("^crack"))
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(page.locator("[data-boxes] li")).to_have_count(0)
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("[data-boxes] li")).to_have_text(re.compile("^porosity"))
    page.keyboard.press("s")
    expect(page.locator("[data-state]")).to_have_text(SAVED)

    page.keyboard.press("ArrowRight")  # the next that nobody has looked at
    page.wait_for_url("**/annotate/4/?show=unseen")
    opened(page)
    page.keyboard.press("e")
    expect(page.locator("[data-state]")).to_have_text(SAVED)
    assert rest.get(f"dataset-versions/{version}/rows/4/boxes/")["boxes"] == []

    page.goto(f"/datasets/versions/{version}/")
    expect(page.get_by_role("heading", name="2 pictures corrected")).to_be_visible()
    page.get_by_role("button", name="Freeze as new version").click()
    expect(page.get_by_role("heading", name="Version 2")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="YOLO").click()
    with zipfile.ZipFile(download.value.path()) as packed:
        assert len(packed.read("labels/b.txt").splitlines()) == 1
        assert packed.read("labels/large.txt") == b""
        assert "images/large.jpg" in packed.namelist()


def test_a_box_is_moved_and_sized_by_mouse_and_by_keyboard(
    alice_page: Page, rest: Rest, version: str
) -> None:
    page = alice_page
    page.goto(f"/datasets/versions/{version}/annotate/3/")
    opened(page)

    page.keyboard.press("c")  # a box in the middle, without a pointer
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("s")
    expect(page.locator("[data-state]")).to_have_text(SAVED)
    [before] = rest.get(f"dataset-versions/{version}/rows/3/boxes/")["boxes"]
    box = page.locator(".box-chosen rect").bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 40, middle[1] + 30, steps=5)
    page.mouse.up()
    corner = box["x"] + box["width"] + 40, box["y"] + box["height"] + 30
    page.mouse.move(*corner)
    page.mouse.down()
    page.mouse.move(corner[0] + 30, corner[1] + 20, steps=5)
    page.mouse.up()
    page.keyboard.press("s")
    expect(page.locator("[data-state]")).to_have_text(SAVED)

    [after] = rest.get(f"dataset-versions/{version}/rows/3/boxes/")["boxes"]
    assert after["x"] > before["x"]
    assert after["y"] > before["y"]
    assert after["width"] > before["width"]
    assert after["height"] > before["height"]
    page.keyboard.press("Delete")
    expect(page.locator("[data-boxes] li")).to_have_count(0)


def test_two_editors_at_once_lose_nothing(alice_page: Page, open_page, watch, version: str) -> None:
    watch.expect("409")
    mine, theirs = alice_page, open_page("bob")
    for page in (mine, theirs):
        page.goto(f"/datasets/versions/{version}/annotate/1/")
        opened(page)
    theirs.keyboard.press("e")
    expect(theirs.locator("[data-state]")).to_have_text(SAVED)

    drag(mine, (0.3, 0.3), (0.5, 0.5))
    mine.keyboard.press("s")

    expect(mine.locator("[data-trouble]")).to_contain_text("has changed them meanwhile")
    expect(mine.locator("[data-boxes] li")).to_have_count(2)
    mine.get_by_role("button", name="Save mine over theirs").click()
    expect(mine.locator("[data-state]")).to_have_text(SAVED)
    expect(mine.locator("[data-boxes] li")).to_have_count(2)


def test_changes_are_saved_on_the_way_to_the_next_and_leaving_is_asked(
    alice_page: Page, rest: Rest, version: str
) -> None:
    page = alice_page
    page.goto(f"/datasets/versions/{version}/annotate/2/")
    opened(page)
    drag(page, (0.4, 0.6), (0.5, 0.7))
    count = page.locator("[data-boxes] li").count()

    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role("link", name="Castings to draw on v1").click()
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**/annotate/3/")

    assert len(rest.get(f"dataset-versions/{version}/rows/2/boxes/")["boxes"]) == count


def test_a_large_picture_is_zoomed_fluently(alice_page: Page, version: str) -> None:
    page = alice_page
    page.goto(f"/datasets/versions/{version}/annotate/4/")
    opened(page)

    p90_ms = page.evaluate("""() => new Promise((done) => {
        const frames = [];
        let last = performance.now();
        const stage = document.querySelector(".viewer-layer");
        const frame = stage.getBoundingClientRect();
        const place = { clientX: frame.left + 200, clientY: frame.top + 200, bubbles: true,
                        cancelable: true };
        const step = (now) => {
            frames.push(now - last);
            last = now;
            if (frames.length % 4 === 0) {
                stage.dispatchEvent(new WheelEvent("wheel", { ...place, deltaY: -100 }));
            }
            if (frames.length < 60) requestAnimationFrame(step);
            else done(frames.sort((a, b) => a - b)[54]);
        };
        requestAnimationFrame(step);
    })""")

    assert p90_ms < 250


@pytest.mark.parametrize("mode", MODES)
def test_pictures_look_right(open_page, version: str, screens: Path, mode: str) -> None:
    page = open_page("alice", **choices(mode))
    for name, address in {"gallery": "browse/", "annotate": "annotate/1/"}.items():
        page.goto(f"/datasets/versions/{version}/{address}")
        page.wait_for_load_state("networkidle")
        if name == "annotate":
            opened(page)
            page.locator(".editor-boxes .box-name").first.click()
        page.wait_for_timeout(500)
        page.screenshot(path=screens / f"{name}-{mode}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
