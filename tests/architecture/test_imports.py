"""One direction: apps, solutions, ml_core, kernels; and never sideways between solutions."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from tests.architecture.rooms import ROOT

CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def solution_packages() -> set[str]:
    return {
        f"solutions.{folder.name}"
        for folder in (ROOT / "solutions").iterdir()
        if (folder / "__init__.py").exists()
    }


@pytest.mark.slow
def test_the_import_contracts_hold():
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"

    result = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_solution_is_hidden_from_the_apps():
    contracts = CONFIG["tool"]["importlinter"]["contracts"]
    hidden = next(
        contract for contract in contracts if contract["name"].startswith("Apps name no solution")
    )

    missing = solution_packages() - set(hidden["forbidden_modules"])

    assert missing == set()
