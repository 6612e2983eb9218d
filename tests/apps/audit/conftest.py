"""Each test has an anchor of its own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_home(settings, tmp_path):
    settings.ASSAY_DATA_DIR = tmp_path / "home"
