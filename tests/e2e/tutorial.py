"""A tutorial, done as it is written: steps in a browser, and blocks in a shell.

In a numbered step, or in a line with a press in it, **bold** is pressed, *italic* is seen,
`Name = value` is put into a field, and a link is opened.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Locator, Page, expect

from tests.e2e.product import ADMIN_PASSWORD, ROOT

if TYPE_CHECKING:
    from tests.e2e.product import Product

LONG_MS = 150_000
CLIP = ROOT / "solutions" / "vqa" / "demo" / "three-beeps.wav"
# The order matters: bold before italic, since both begin with a star.
_ACTS = re.compile(
    r"\*\*(?P<press>[^*]+)\*\*|(?<!\w)\*(?P<see>[^*]+)\*|`(?P<field>[^`=]+) = (?P<value>[^`]+)`"
    r"|\[[^\]]*\]\((?P<open>/[^)]*)\)|<http://localhost:8000(?P<start>/[^>]*)>"
)
_STEP = re.compile(r"^\d+\. .*(?:\n   .*)*", re.MULTILINE)
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Tutorial:
    """The text of a tutorial, and the files of its demo that it speaks of."""

    text: str
    picture: Path | None = None

    @property
    def steps(self) -> list[str]:
        """Return the numbered steps of the browser's part."""
        return _STEP.findall(self.text.split("## By a program")[0])

    @property
    def key_step(self) -> str:
        """Return the paragraph by which a key is made."""
        [found] = [part for part in self.text.split("\n\n") if "**Make key**" in part]
        return found

    @property
    def script(self) -> str:
        """Return all blocks of the shell as one, without what only the reader knows."""
        lines = "".join(_BLOCK.findall(self.text)).splitlines()
        return "\n".join(line for line in lines if not line.startswith("export ASSAY_"))

    def do(self, page: Page, step: str) -> None:
        """Do all of a step, in the order in which it is written."""
        acts = list(_ACTS.finditer(step))
        assert acts, f"a step must do or show something: {step}"
        for act in acts:
            if name := act["press"]:
                _find(page, name).click()
                page.wait_for_timeout(500)  # what follows is meant on the page that comes
                page.wait_for_load_state("load")
            elif words := act["see"]:
                expect(page.get_by_text(words).locator("visible=true").first).to_be_visible(
                    timeout=LONG_MS
                )
            elif label := act["field"]:
                self._fill(page, label, act["value"])
            else:
                page.goto(act["open"] or act["start"])

    def _fill(self, page: Page, label: str, value: str) -> None:
        box = page.get_by_label(label, exact=True).locator("visible=true").first
        if value == "a picture of the demo":
            assert self.picture is not None
            page.get_by_label(label, exact=True).first.set_input_files(self.picture)
        elif value == "the clip of three beeps":
            page.get_by_label(label, exact=True).first.set_input_files(CLIP)
        elif value == "the one that the first start printed":
            box.fill(ADMIN_PASSWORD)
        else:
            box.fill(value)

    def run_script(self, product: Product, key: str, folder: Path) -> str:
        """Run the blocks in one shell, in a folder with the solutions' files; return its output."""
        (folder / "solutions").symlink_to(ROOT / "solutions")
        done = subprocess.run(  # noqa: S603  what the tutorial shows
            ["bash", "-euo", "pipefail", "-c", self.script],  # noqa: S607
            cwd=folder, capture_output=True, text=True, timeout=400, check=False,
            env={**product.env, "ASSAY_URL": product.url, "ASSAY_KEY": key},
        )  # fmt: skip
        assert done.returncode == 0, f"{self.script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def _find(page: Page, name: str) -> Locator:
    """Return what a reader would press: a button, a link, a fold or a box of that name."""
    exact = re.compile(rf"^\s*{re.escape(name)}\s*$")
    button, link = page.get_by_role("button", name=exact), page.get_by_role("link", name=exact)
    found = button.or_(link).or_(page.locator("summary").filter(has_text=exact))
    pressed = found.or_(page.locator("#content a").filter(has_text=exact))
    pressed = pressed.or_(page.get_by_role("checkbox", name=exact))
    pressed = pressed.locator("visible=true").first
    expect(pressed, f"to press: {name}").to_be_visible(timeout=LONG_MS)
    return pressed
