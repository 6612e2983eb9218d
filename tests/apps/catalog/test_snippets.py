"""What the page of a solution offers to copy runs as it stands, in both languages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from django.db import connections

from apps.accounts.services import make_key
from apps.answers.server import ModelServer
from apps.catalog import services
from apps.catalog.snippets import snippets
from apps.datasets.models import Dataset, DatasetVersion
from apps.experiments.models import TrainingRun
from apps.jobs import runner
from apps.jobs.models import Job, State
from apps.registry.services import register
from tests.apps.pictures import picture, squares_zip
from tests.people import make_people

SCOPES = ["datasets.upload", "datasets.view", "models.view", "solutions.score"]


@pytest.fixture
def house(transactional_db, settings, tmp_path, live_server):
    """A server with a worker, a model process, and a model of the solution of pictures."""
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.dummy_solution", "tests.picture_solution"]
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "m.sock")
    models, stop = ModelServer(tmp_path / "m.sock"), threading.Event()
    threads = [
        threading.Thread(target=models.serve_forever, kwargs={"poll_interval": 0.02}),
        threading.Thread(target=work, args=(stop,)),
    ]
    for thread in threads:
        thread.start()
    yield live_server
    stop.set()
    models.shutdown()
    for thread in threads:
        thread.join(20)
    models.server_close()


def work(stop: threading.Event) -> None:
    """Do what waits, as a worker does."""
    while not stop.is_set():
        job = Job.objects.filter(state=State.QUEUED).first()
        if job is None:
            time.sleep(0.05)
        else:
            runner.run(job.pk)
    connections.close_all()


def model_of_pictures(people, folder) -> str:
    bundle = folder / "bundle"
    bundle.mkdir()
    (bundle / "model.json").write_text(json.dumps({"least": 100.0}), "utf-8")
    about = {"licence": "AGPL-3.0-or-later", "limits": ["Small."], "data_origin": "Generated."}
    (bundle / "card.json").write_text(json.dumps(about), "utf-8")
    owned = {"team": people.team, "created_by": people.alice}
    dataset = Dataset.objects.create(name="d", solution="picture", **owned)
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=1,
        filename="d.zip",
        format="pictures",
        sha256="0",
        state="ready",
        **owned,
    )
    run = TrainingRun.objects.create(
        solution="picture", dataset_version=version, state=State.SUCCEEDED, token="t",
        data_sha256="0", code_version="1", **owned,
    )  # fmt: skip
    return str(register(run, bundle, {"accuracy": 0.9}).pk)


def run(code: str, language: str, folder, key: str) -> str:
    command = [sys.executable, "-c", code] if language == "python" else ["bash", "-ec", code]
    done = subprocess.run(  # noqa: S603  the code that the page shows
        command, cwd=folder, env={**os.environ, "ASSAY_KEY": key, "NO_PROXY": "*"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("language", ["python", "curl"])
def test_a_picture_is_asked_about_and_an_archive_is_scored(house, tmp_path, language):
    people = make_people()
    model = model_of_pictures(people, tmp_path)
    _, key = make_key(user=people.alice, team=people.team, name="k", scopes=SCOPES, days=1)
    (tmp_path / "picture.jpg").write_bytes(picture(1)[0])
    (tmp_path / "pictures.zip").write_bytes(squares_zip())
    one, file = snippets(services.registry()["picture"], house.url)

    said = run(one.code(language), language, tmp_path, key)
    scored = run(file.code(language), language, tmp_path, key)

    assert "label" in said
    assert model in scored
    if language == "python":
        assert "ready 12" in scored


@pytest.mark.parametrize("language", ["python", "curl"])
def test_a_table_is_uploaded_and_told_when_nothing_can_score_it(house, tmp_path, language):
    """Without a model the last step is refused, loudly; the steps before it have worked."""
    people = make_people()
    _, key = make_key(user=people.alice, team=people.team, name="k", scopes=SCOPES, days=1)
    solution = services.registry()["dummy"]
    (tmp_path / "data.csv").write_bytes(solution.demo().read_bytes())
    (file,) = snippets(solution, house.url)

    with pytest.raises(AssertionError):
        run(file.code(language), language, tmp_path, key)

    assert DatasetVersion.objects.get().state == "ready"
