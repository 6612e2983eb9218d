"""The admin's desk: models side by side, made live and taken back; the trail and its chain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_look import _TOO_WIDE, MODES, choices, settle
from tests.e2e.world import QUICK_NET

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.product import Product
    from tests.e2e.rest import Rest
    from tests.e2e.world import World

WHY = "Labels come sooner now."
TAMPER = """
from django.db import connection
from apps.audit import triggers
with connection.cursor() as cursor:
    for statement in triggers.REMOVE[connection.vendor]:
        cursor.execute(statement)
    cursor.execute("UPDATE audit_auditevent SET actor_label = %s WHERE sequence = 3", [{label!r}])
    for statement in triggers.INSTALL[connection.vendor]:
        cursor.execute(statement)
"""
LABEL = """
from apps.audit.models import AuditEvent
print(AuditEvent.objects.get(sequence=3).actor_label)
"""


@pytest.fixture(scope="module")
def pair(rest: Rest, world: World) -> tuple[str, str]:
    """Train two models more, so that nobody else's are moved, and that differ.

    Of so few payments the network learns too little, so the baseline is shipped: only what both
    learn from makes another model.
    """
    models = []
    for days in (7, 3):
        run = rest.train(world.version, {**QUICK_NET, "epochs": 2, "label_delay_days": days})
        rest.finish(run["job"])
        models.append(rest.get(f"runs/{run['id']}/")["model"])
    return models[0], models[1]


def promote(page: Page, reason: str) -> None:
    """Make the one model of a page live that can be; another may offer to be rolled back from."""
    form = page.locator("form", has=page.get_by_role("button", name="Promote"))
    form.get_by_label("Why").fill(reason)
    form.get_by_role("button", name="Promote").click()
    page.get_by_role("button", name="Make it live").click()
    expect(page.locator(".page-header")).to_contain_text("Live")


def test_two_versions_are_compared_promoted_from_there_and_rolled_back(
    open_page, pair: tuple[str, str], rest: Rest
) -> None:
    dora: Page = open_page("dora")
    numbers = [rest.get(f"models/{one}/")["number"] for one in pair]
    dora.goto(f"/models/{pair[0]}/")
    promote(dora, "The first that can be used.")

    dora.goto("/models/")
    for number in numbers:
        dora.get_by_label(f"Compare fraud model {number}", exact=True).check()
    dora.get_by_role("button", name="Compare two").click()
    expect(dora.get_by_role("region", name="Figures").first).to_contain_text("is better")
    expect(dora.get_by_role("region", name="Options")).to_contain_text("differs")
    promote(dora, WHY)

    dora.get_by_role("button", name=f"Back to model {numbers[0]}").click()
    dora.get_by_role("button", name="Roll back", exact=True).click()
    expect(dora.get_by_text(f"Back to model {numbers[0]}: it is live")).to_be_visible()
    expect(dora.locator(".page-title")).to_contain_text(f"model {numbers[0]}")
    assert rest.get(f"models/{pair[0]}/")["stage"] == "live"
    assert rest.get(f"models/{pair[1]}/")["stage"] == "retired"
    ada: Page = open_page("ada")
    ada.goto("/audit/")
    ada.get_by_label("Words").fill(WHY)
    ada.get_by_role("button", name="Search").click()
    events = ada.locator("#events")
    expect(events.locator(".list-group-item")).to_have_count(1)
    expect(events).to_contain_text("model.promoted")
    expect(events).to_contain_text("dora@example.org")


def test_the_trail_is_searched_as_one_types(open_page, pair: tuple[str, str], rest: Rest) -> None:
    ada: Page = open_page("ada")
    ada.goto(f"/models/{pair[0]}/")

    ada.get_by_role("link", name="History").click()
    events = ada.locator("#events")
    expect(events).to_contain_text("Only what was done to")
    expect(events).to_contain_text("model.registered")
    expect(events).not_to_contain_text("dataset.received")
    ada.get_by_role("link", name="Show everything").click()
    ada.get_by_label("What", exact=True).fill("dataset.")
    ada.get_by_role("button", name="Search").click()

    expect(events).to_contain_text("dataset.received")
    expect(events).not_to_contain_text("model.registered")
    assert "action=dataset" in ada.url
    with ada.expect_download() as taken:
        ada.get_by_role("link", name="CSV").click()
    assert taken.value.path().read_text().startswith("sequence,at,actor")


def test_a_chain_that_was_edited_is_shown_with_its_place(
    open_page, world: World, product: Product, screens: Path
) -> None:
    ada: Page = open_page("ada")
    ada.goto("/audit/")
    ada.get_by_role("button", name="Verify now").click()
    expect(ada.locator("#chain")).to_contain_text("The chain is whole", timeout=60_000)
    was = product.python(LABEL).strip()

    product.python(TAMPER.format(label="mallory@example.org"))
    try:
        ada.get_by_role("button", name="Verify now").click()
        expect(ada.locator("#chain")).to_contain_text("broken at event 3", timeout=60_000)
        for mode in MODES:
            page = open_page("ada", **choices(mode))
            page.goto("/audit/")
            settle(page)
            page.screenshot(path=screens / f"audit-broken-{mode}.png", full_page=True)
    finally:
        product.python(TAMPER.format(label=was))

    ada.get_by_role("button", name="Verify now").click()
    expect(ada.locator("#chain")).to_contain_text("The chain is whole", timeout=60_000)


def test_a_decision_is_proved_to_who_may_read_the_trail(
    open_page, world: World, rest: Rest
) -> None:
    signature = rest.get(f"predictions/{world.prediction}/rows/{world.alert_row}/proof/")["model"][
        "signature"
    ]
    ada: Page = open_page("ada")
    ada.goto("/audit/")
    ada.get_by_role("button", name="Verify now").click()
    expect(ada.locator("#chain")).to_contain_text("The chain is whole", timeout=60_000)

    ada.goto(world.things()["alert"])
    proof = ada.locator("#proof")
    expect(proof.get_by_text(signature)).not_to_be_visible()
    proof.locator("summary").click()
    expect(proof.get_by_text(signature)).to_be_visible()
    expect(proof).to_contain_text("whole")
    expect(proof.get_by_role("row").filter(has_text="prediction.made")).to_have_count(1)
    with ada.expect_download() as taken:
        proof.get_by_role("link", name="Proof as JSON").click()
    told = json.loads(taken.value.path().read_text())
    assert told["model"]["signature"] == signature
    assert told["audit"]["check"]["state"] == "whole"
    proof.get_by_role("row").filter(has_text="prediction.made").get_by_role("link").click()
    expect(ada.locator("#events .list-group-item").first).to_contain_text("prediction.made")


@pytest.mark.parametrize("mode", MODES)
def test_the_pages_of_the_desk_fit(
    open_page, pair: tuple[str, str], world: World, screens: Path, mode: str
) -> None:
    page: Page = open_page("ada", **choices(mode))
    addresses = {
        "desk-models": "/models/",
        "desk-model": f"/models/{pair[0]}/",
        "desk-compare": f"/models/compare/?a={pair[0]}&b={pair[1]}",
        "desk-compare-choose": "/models/compare/",
        "desk-audit": "/audit/?action=model.",
        "desk-proof": world.things()["alert"],
        "desk-audit-none": "/audit/?q=nothing-of-the-kind",
    }
    too_wide = {}

    for name, address in addresses.items():
        page.goto(address)
        settle(page)
        if name == "desk-proof":
            page.locator("#proof > summary").click()
        page.screenshot(path=screens / f"{name}-{mode}.png", full_page=True)
        if page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth"):
            too_wide[name] = page.evaluate(_TOO_WIDE)

    assert not too_wide
