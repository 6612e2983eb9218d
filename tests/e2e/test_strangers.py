"""What belongs to a team does not exist for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.e2e.product import Product
    from tests.e2e.rest import Rest
    from tests.e2e.world import World


def test_an_outsider_finds_nothing_of_another_team(open_page, world: World) -> None:
    charlie = open_page("charlie")
    bob = open_page("bob")
    things = world.things() | {
        "issues": f"/datasets/versions/{world.rejected}/issues.csv",
        "file": f"/datasets/versions/{world.version}/file/",
        "csv": f"/results/{world.prediction}/download.csv",
        "parquet": f"/results/{world.prediction}/download.parquet",
    }

    found = {name: charlie.request.get(address).status for name, address in things.items()}
    for_bob = {name: bob.request.get(address).status for name, address in things.items()}

    assert set(found.values()) == {404}, found
    assert set(for_bob.values()) == {200}, for_bob


def test_an_outsider_sees_a_page_that_says_what_to_do(open_page, world: World, watch) -> None:
    watch.expect(r"404 \(Not Found\)")
    charlie: Page = open_page("charlie")

    answer = charlie.goto(f"/results/{world.prediction}/")

    assert answer is not None
    assert answer.status == 404
    expect(charlie.get_by_role("heading", level=1)).to_be_visible()
    expect(charlie.get_by_role("link", name="dashboard").first).to_be_visible()


def test_the_lists_of_an_outsider_are_empty(open_page, world: World) -> None:
    charlie: Page = open_page("charlie")

    for address in ("/datasets/", "/results/", "/runs/", "/models/", "/jobs/"):
        charlie.goto(address)
        expect(charlie.locator("#content")).not_to_contain_text("Payments of")
        expect(charlie.locator(".empty")).to_be_visible()


def test_a_program_of_another_team_finds_nothing_by_rest(
    product: Product, rest: Rest, world: World
) -> None:
    stranger = type(rest)(product.url, product.make_key("charlie@example.org"))

    for path in (
        f"datasets/{world.dataset}/",
        f"dataset-versions/{world.version}/",
        f"jobs/{world.score_job}/",
        f"runs/{world.run}/",
        f"models/{world.model}/",
        f"predictions/{world.prediction}/",
        f"predictions/{world.prediction}/rows/",
    ):
        assert stranger.status(path) == 404, path
        assert rest.status(path) == 200, path
