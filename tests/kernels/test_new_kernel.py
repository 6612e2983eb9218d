"""`make new-kernel` begins a kernel that is whole: its twins agree, the linter is content."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "new_kernel.py"))
TWINS = "tests/kernels/test_twins.py"
# The settings of the project name a Django that this house does not have.
PYTEST = ("pytest", "-q", "-c", "/dev/null", "-p", "no:django", "-p", "no:cacheprovider", TWINS)


@pytest.fixture
def house(tmp_path):
    """Return a house of one's own, with what a new kernel touches."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "kernels", tmp_path / "kernels", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "dummy_kernel", tmp_path / "tests" / "dummy_kernel")
    (tmp_path / TWINS).parent.mkdir(parents=True)
    shutil.copy(ROOT / TWINS, tmp_path / TWINS)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(house: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in the house."""
    return subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", *command], cwd=house, env=os.environ | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_its_twins_agree_and_the_linter_is_content_as_it_is(house):
    SCRIPT["begin"]("cold_sum", house)

    compiled = run(house, *PYTEST, "-k", "cpu_twin and cold_sum")
    simulated = run(house, *PYTEST, "-k", "simulator and cold_sum", NUMBA_ENABLE_CUDASIM="1")
    linter = run(house, "ruff", "check", "kernels/cold_sum")
    layout = run(house, "ruff", "format", "--check", "kernels/cold_sum")

    for ended in (compiled, simulated):
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-1000:]
        assert "7 passed" in ended.stdout
    assert linter.returncode == 0, linter.stdout
    assert layout.returncode == 0, layout.stdout


def test_it_is_found_and_adds_up_under_its_own_name(house):
    SCRIPT["begin"]("cold_sum", house)
    program = (
        "import numpy as np\n"
        "from kernels._dispatch import discover\n"
        "from kernels.cold_sum import cold_sum\n"
        "assert 'cold_sum' in discover()\n"
        "values, segments = np.array([1.0, 2.0, 4.0]), np.array([1, 0, 1])\n"
        "print(cold_sum(values, segments, 3, device='reference').tolist())\n"
    )

    ended = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", program], cwd=house, capture_output=True, text=True, check=False
    )

    assert ended.stdout.strip() == "[2.0, 5.0, 0.0]", ended.stderr
    files = (house / "kernels" / "cold_sum").rglob("*.py")
    assert not [file.name for file in files if "segment_sum" in file.read_text()]


@pytest.mark.parametrize("name", ["", "Knn", "1knn", "../knn", "lambda", "nms", "errors"])
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(name, house):
    before = sorted((house / "kernels").iterdir())

    with pytest.raises(SystemExit, match="NAME must be"):
        SCRIPT["begin"](name, house)

    assert sorted((house / "kernels").iterdir()) == before
