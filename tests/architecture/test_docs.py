"""Code in the documentation is the project's own: an excerpt that drifts from its file fails."""

from __future__ import annotations

import re

import pytest

from tests.architecture.rooms import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
EXCERPT = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|/|#)([^)#]+)\)")
EXCERPTS = [
    pytest.param(path, code, id=f"{page.name}:{code.split()[0]}-{number}")
    for page in PAGES
    for number, (path, code) in enumerate(EXCERPT.findall(page.read_text("utf-8")))
]


@pytest.mark.parametrize(("path", "code"), EXCERPTS)
def test_an_excerpt_stands_in_its_file(path, code):
    assert code in (ROOT / path).read_text("utf-8")


def test_all_code_of_the_guides_says_where_it_stands():
    for page in PAGES:
        if page.name.startswith("how-to"):
            text = page.read_text("utf-8")
            assert text.count("```python") == len(EXCERPT.findall(text)), page.name


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.stem)
def test_a_link_leads_somewhere(page):
    for target in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"
