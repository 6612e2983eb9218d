"""One running product and one browser for all journeys; each test gets pages of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.browser import FLAGS, Watch, chromium, log_in
from tests.e2e.payments import make_files
from tests.e2e.product import ROOT, Product, build_frontend
from tests.e2e.rest import Rest
from tests.e2e.world import World, make_world
from tests.people import PASSWORD

TIMEOUT_MS = 15_000
expect.set_options(timeout=TIMEOUT_MS)
PageMaker = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every journey, and let all of them share one product when tests run in parallel."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("e2e")
            item.add_marker(pytest.mark.xdist_group("e2e"))
            item.add_marker(pytest.mark.timeout(600))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Show what the processes said beside a failure."""
    report = yield
    product = getattr(item, "funcargs", {}).get("product")
    if report.failed and product is not None:
        report.sections.append(("product", product.log_tail()))
    return report


@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    """Start the product once for all journeys."""
    chromium()
    build_frontend()
    home = Path(tempfile.mkdtemp(prefix="assay-e2e-"))
    try:
        with Product(home, {"ASSAY_MAX_UPLOAD_BYTES": str(4 * 2**20)}) as running:
            running.make_people()
            yield running
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium once."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="package")
def sessions(product: Product, browser: Browser) -> Callable[[str], dict]:
    """Return the cookies of a person who has logged in once, for pages that start inside."""
    kept: dict[str, dict] = {}

    def session_of(name: str) -> dict:
        if name not in kept:
            context = browser.new_context()
            log_in(context.new_page(), product.url, f"{name}@example.org", PASSWORD)
            kept[name] = dict(context.storage_state())
            context.close()
        return kept[name]

    return session_of


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fail a test whose pages complained in the console or broke the content policy."""
    watching = Watch()
    yield watching
    assert not watching.unexpected, "\n".join(watching.unexpected)


@pytest.fixture
def open_page(
    product: Product, browser: Browser, sessions: Callable[[str], dict], watch: Watch
) -> Iterator[PageMaker]:
    """Return a maker of watched pages: for a stranger, or for a person who has logged in."""
    contexts: list[BrowserContext] = []

    def make(person: str | None = None, **choices) -> Page:
        state = sessions(person) if person else None
        context = browser.new_context(
            base_url=product.url, storage_state=state, locale="en-GB", timezone_id="UTC",
            accept_downloads=True, **{"viewport": {"width": 1280, "height": 900}, **choices},
        )  # fmt: skip
        contexts.append(context)
        watch.attach(context)
        context.set_default_timeout(TIMEOUT_MS)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def stranger(open_page: PageMaker) -> Page:
    """Return a page of nobody."""
    return open_page()


@pytest.fixture
def alice_page(open_page: PageMaker) -> Page:
    """Return a page in which Alice, an analyst, has logged in."""
    return open_page("alice")


@pytest.fixture(scope="package")
def rest(product: Product) -> Rest:
    """Return the REST interface with a key of Alice."""
    return Rest(product.url, product.make_key("alice@example.org"))


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with small files of simulated payments, good and bad."""
    return make_files(tmp_path_factory.mktemp("payments"))


@pytest.fixture(scope="package")
def world(rest: Rest, files: Path) -> World:
    """Return a dataset, a live model and a result that Alice's team has made, by REST."""
    return make_world(rest, files)


@pytest.fixture(scope="session")
def screens() -> Path:
    """Return where pictures of pages go; people look at them, no test compares them."""
    folder = ROOT / "test-results" / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
