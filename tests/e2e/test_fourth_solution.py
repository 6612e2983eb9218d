"""A solution of somebody else, installed as a package of its own, with no change elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.e2e.product import ADMIN, ADMIN_PASSWORD, ROOT, Product, build_frontend
from tests.e2e.rest import Rest
from tests.guests import ALLOWED, DUMMY, install_guests
from tests.people import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    site = tmp_path_factory.mktemp("site-packages")
    install_guests(site)
    return site


@pytest.fixture(scope="module")
def guest(site: Path, tmp_path_factory) -> Iterator[Product]:
    """Start a product that allows two of them."""
    build_frontend()
    env = {
        "PYTHONPATH": f"{ROOT}:{site}",
        "ASSAY_SOLUTIONS_ALLOWED": ",".join(ALLOWED),
    }
    with Product(tmp_path_factory.mktemp("guest") / "home", env) as product:
        product.make_people()
        yield product


def browser_of(product: Product, email: str, password: str = PASSWORD) -> requests.Session:
    """Log in by the form."""
    session = requests.Session()
    page = session.get(f"{product.url}/accounts/login/", timeout=60)
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found is not None
    form = {"csrfmiddlewaretoken": found[1], "login": email, "password": password}
    answer = session.post(
        f"{product.url}/accounts/login/", data=form, headers={"Referer": page.url}, timeout=60
    )
    assert answer.url == f"{product.url}/", answer.text[:500]
    return session


def test_a_fourth_solution_is_offered_trained_used_and_audited(guest: Product) -> None:
    rest = Rest(guest.url, guest.make_key("alice@example.org"))
    browser = browser_of(guest, "alice@example.org")
    admin = browser_of(guest, ADMIN, ADMIN_PASSWORD)

    # In the catalogue, in forms made from its options, and in the documentation.
    catalogue = browser.get(f"{guest.url}/solutions/", timeout=60).text
    document = browser.get(f"{guest.url}/api/schema/?format=json", timeout=60).json()
    assert "Weld failure" in catalogue
    options = document["components"]["schemas"]["WeldOptions"]["properties"]
    assert options
    assert "electrode" in document["components"]["schemas"]["WeldRow"]["properties"]

    # Learnt from and used by a program.
    sent = rest.send_file("datasets/", DUMMY / "demo" / "welds.csv", solution="weld", name="Welds")
    rest.finish(sent["job"])
    form = browser.get(f"{guest.url}/solutions/weld/train/", timeout=60).text
    assert all(f'name="option_{name}"' in form for name in options)
    run = rest.post("solutions/weld/trainings/", dataset_version=sent["id"], options={})
    rest.finish(run["job"])
    trained = rest.get(f"runs/{run['id']}/")
    result = rest.post("solutions/weld/predictions/", dataset_version=sent["id"])
    rest.finish(result["job"])
    row = rest.get(f"predictions/{result['id']}/rows/", page_size=1)["results"][0]
    asked = {name: row[name] for name in ("weld_id", "time", "electrode", "current_ka", "force_kn")}
    answer = rest.post("solutions/weld/answers/", row=asked)
    assert 0 < trained["metrics"]["ap"] <= 1
    assert 0 <= answer["output"]["score"] <= 1
    assert browser.get(f"{guest.url}/models/{trained['model']}/", timeout=60).ok

    # Of its team alone, and in the trail.
    outsider = Rest(guest.url, guest.make_key("charlie@example.org"))
    for place in (f"runs/{run['id']}/", f"predictions/{result['id']}/", f"answers/{answer['id']}/"):
        assert outsider.status(place) == 404
    trail = admin.get(f"{guest.url}/audit/", timeout=60).text
    assert "training.started" in trail
    assert "prediction.made" in trail


def test_a_broken_one_is_listed_with_its_reason_and_harms_nothing(guest: Product) -> None:
    browser = browser_of(guest, ADMIN, ADMIN_PASSWORD)

    catalogue = browser.get(f"{guest.url}/solutions/", timeout=60).text

    assert "torch_of_next_year" in catalogue
    assert "package acme-broken" in catalogue
    assert all(name in catalogue for name in ("Weld failure", "/solutions/fraud/"))
    assert browser.get(f"{guest.url}/solutions/broken/", timeout=60).status_code == 404
    assert browser.get(f"{guest.url}/solutions/fraud/", timeout=60).ok
    assert "torch_of_next_year" in guest.manage("check") + guest.log_tail(2000)


def test_one_that_nobody_allowed_is_never_imported(guest: Product, site: Path) -> None:
    browser = browser_of(guest, ADMIN, ADMIN_PASSWORD)

    assert "stranger" not in browser.get(f"{guest.url}/solutions/", timeout=60).text
    assert not (site / "was-imported").exists()
