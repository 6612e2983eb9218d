"""Solutions of installed packages: in the catalogue, forms, interface, rights and audit."""

from __future__ import annotations

import threading

import pytest

from apps.answers.server import ModelServer
from apps.audit.models import AuditEvent
from apps.catalog.checks import check_solutions
from tests.guests import ALLOWED, DUMMY, install_guests

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def site(settings, tmp_path, monkeypatch):
    site = tmp_path / "site-packages"
    site.mkdir()
    install_guests(site)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))  # for the child that learns
    settings.ASSAY_SOLUTIONS_ALLOWED = [*ALLOWED, str(tmp_path)]  # looked for anew
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "models.sock")
    return site


@pytest.fixture
def models(tmp_path):
    server = ModelServer(tmp_path / "models.sock")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_guest_is_offered_like_one_of_ours(people, login, api):
    browser = login(people.alice)

    catalogue = browser.get("/solutions/").content.decode()
    page = browser.get("/solutions/weld/")
    code = browser.get("/solutions/weld/code/").content.decode()
    upload = browser.get("/datasets/upload/").content.decode()
    schemas = api(people.alice).get("/api/schema/?format=json").json()["components"]["schemas"]

    assert "Weld failure" in catalogue
    assert page.status_code == 200
    assert "/solutions/weld/code/" in page.content.decode()
    assert "/api/v1/solutions/weld/" in code
    assert 'value="weld"' in upload
    assert schemas["WeldOptions"]["properties"]
    assert "electrode" in schemas["WeldRow"]["properties"]


def test_a_guest_is_trained_used_and_audited(people, api, login, run_jobs, models):
    client = api(people.alice)
    with (DUMMY / "demo" / "welds.csv").open("rb") as file:
        sent = client.post(
            "/api/v1/datasets/", {"solution": "weld", "file": file}, format="multipart"
        ).json()
    run_jobs()
    form = login(people.alice).get("/solutions/weld/train/").content.decode()
    asked = {"dataset_version": sent["id"], "options": {}}
    run = client.post("/api/v1/solutions/weld/trainings/", asked).json()
    [job] = run_jobs()
    assert job.state == "succeeded", job.error
    result = client.post("/api/v1/solutions/weld/predictions/", {"dataset_version": sent["id"]})
    [job] = run_jobs()
    assert job.state == "succeeded", job.error
    place = f"/api/v1/predictions/{result.json()['id']}/"
    row = client.get(f"{place}rows/?page_size=1").json()["results"][0]
    given = {n: row[n] for n in ("weld_id", "time", "electrode", "current_ka", "force_kn")}
    answer = client.post("/api/v1/solutions/weld/answers/", {"row": given}).json()

    trained = client.get(f"/api/v1/runs/{run['id']}/").json()
    assert all(f'name="option_{name}"' in form for name in trained["options"])
    assert 0 < trained["metrics"]["ap"] <= 1
    assert 0 <= answer["output"]["score"] <= 1
    assert login(people.alice).get(f"/models/{trained['model']}/").status_code == 200
    for url in (place, f"/api/v1/runs/{run['id']}/", f"/api/v1/answers/{answer['id']}/"):
        assert api(people.charlie).get(url).status_code == 404
    told = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"dataset.received", "training.started", "prediction.made"} <= told


def test_a_broken_guest_is_listed_with_its_reason_and_harms_nothing(people, login):
    browser = login(people.admin)

    catalogue = browser.get("/solutions/").content.decode()

    assert "torch_of_next_year" in catalogue
    assert "package acme-broken" in catalogue
    assert browser.get("/solutions/broken/").status_code == 404
    assert all(browser.get(f"/solutions/{s}/").status_code == 200 for s in ("fraud", "weld"))
    assert any("torch_of_next_year" in warning.msg for warning in check_solutions(None))


def test_a_guest_that_nobody_allowed_is_never_imported(people, login, site):
    assert "stranger" not in login(people.admin).get("/solutions/").content.decode()
    assert not (site / "was-imported").exists()
