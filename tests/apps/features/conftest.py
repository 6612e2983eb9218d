"""The tiny solution stands in for a real one."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def tiny_solution(settings, tmp_path):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.tiny_solution"]
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"
