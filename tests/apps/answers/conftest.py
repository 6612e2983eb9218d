"""The tiny solution stands in for a real one, and so does one of pictures; a process answers."""

from __future__ import annotations

import threading

import pytest

from apps.answers.server import ModelServer
from tests.apps.answers.world import picture_model


@pytest.fixture(autouse=True)
def tiny_solution(settings, tmp_path):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.tiny_solution", "tests.picture_solution"]
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"


@pytest.fixture
def models(settings, tmp_path):
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "models.sock")
    server = ModelServer(tmp_path / "models.sock")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def question_model(settings, people, tmp_path):
    """A model that answers questions about pictures, and is deaf."""
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.question_solution"]
    return picture_model(people, tmp_path, "question", least=255)
