"""No template holds a script, a handler or a style of its own: the security policy forbids them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted(
    path for room in ("apps", "solutions") for path in (ROOT / room).glob("**/templates/**/*.html")
)
SCRIPT = re.compile(r"<script\b(?![^>]*\bsrc=)(?![^>]*type=[\"']application/json[\"'])", re.I)
HANDLER = re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.I)
STYLE = re.compile(r"<style\b|<[a-z][^>]*\sstyle\s*=", re.I)
FAR = re.compile(r"\b(?:src|href)=[\"'](?:https?:)?//", re.I)


def offences(text: str) -> list[str]:
    """Return what in a template the policy of the pages forbids."""
    rules = {"script": SCRIPT, "handler": HANDLER, "style": STYLE, "far": FAR}
    return [name for name, rule in rules.items() if rule.search(text)]


def test_there_are_templates_to_look_at():
    assert len(TEMPLATES) > 20


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_holds_nothing_that_the_policy_forbids(path):
    assert offences(path.read_text()) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<script>x()</script>", ["script"]),
        ('<script type="module">x()</script>', ["script"]),
        ('<script src="{{ a }}"></script>', []),
        ('<script type="application/json">{}</script>', []),
        ('<button class="a" onclick="x()">', ["handler"]),
        ('<p data-on="x">on = off</p>', []),
        ("<style>p{}</style>", ["style"]),
        ('<p class="a" style="color:red">', ["style"]),
        ('<link href="https://fonts.example/x.css">', ["far"]),
    ],
)
def test_the_rules_find_what_they_should(text, found):
    assert offences(text) == found


def test_every_component_says_its_parameters():
    components = sorted((ROOT / "apps/web/templates/web/components").glob("*.html"))

    silent = [path.name for path in components if "arameters" not in path.read_text()]

    assert silent == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_relies_on_a_script_of_bootstrap(path):
    assert "data-bs-toggle" not in path.read_text()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_number_in_an_address_has_no_thousands_separator(path):
    assert not re.search(r"_page_number\s*\}\}", path.read_text())
