"""`make new-solution` begins a solution that is whole: it passes the kit and the linter."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "new_solution.py"))
ROOMS = ("kernels", "ml_core", "solutions")


@pytest.fixture
def house(tmp_path):
    """Return a house of one's own, with what a new solution touches."""
    for name in ROOMS:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests" / "dummy_solution", tmp_path / "tests" / "dummy_solution")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(house: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in the house."""
    return subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", *command], cwd=house, capture_output=True, text=True, check=False
    )


def test_it_passes_the_kit_and_the_linter_as_it_is(house):
    SCRIPT["begin"]("cold_weld", house)

    kit = run(house, "solutions", "check", "cold_weld")
    linter = run(house, "ruff", "check", "solutions/cold_weld")
    rules = (house / "pyproject.toml").read_text()

    assert kit.returncode == 0, kit.stdout + kit.stderr
    assert "checks passed" in kit.stdout
    assert linter.returncode == 0, linter.stdout
    assert rules.count('"solutions.cold_weld"') == 2
    left = [f.name for f in (house / "solutions" / "cold_weld").rglob("*.py")
            if "dummy" in f.read_text()]  # fmt: skip
    assert left == []


@pytest.mark.parametrize("name", ["", "Weld", "1weld", "../weld", "fraud"])
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(name, house):
    before = sorted((house / "solutions").iterdir())

    with pytest.raises(SystemExit, match="NAME must be"):
        SCRIPT["begin"](name, house)

    assert sorted((house / "solutions").iterdir()) == before
