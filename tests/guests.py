"""Packages of somebody else with solutions in them, laid down as an installer leaves them."""

from __future__ import annotations

import shutil
from pathlib import Path

HERE = Path(__file__).parent
DUMMY = HERE / "dummy_solution"
ALLOWED = ("acme-weld", "acme-broken")


def install_guests(site: Path) -> None:
    """Install one that works, one that breaks, and one that nobody allowed.

    The last leaves the file `was-imported` beside itself when it is.
    """
    install_copy(site, "dummy_solution", "Acme.Weld", "acme_weld", "weld")

    (site / "acme_broken.py").write_text("import torch_of_next_year\n", "utf-8")
    _describe(site, "acme-broken", "acme_broken", "broken")

    mark = f"import pathlib\npathlib.Path({str(site / 'was-imported')!r}).touch()\n"
    (site / "stranger.py").write_text(mark, "utf-8")
    _describe(site, "stranger", "stranger", "stranger")


def install_copy(site: Path, original: str, distribution: str, module: str, slug: str) -> None:
    """Install a solution of the tests under another name, as if it came from elsewhere."""
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HERE / original, site / module, ignore=skip)
    for file in (site / module).rglob("*.py"):
        text = file.read_text("utf-8").replace(f"tests.{original}", module)
        file.write_text(text.replace('slug = "dummy"', f'slug = "{slug}"'), "utf-8")
    _describe(site, distribution, module, slug)


def _describe(site: Path, distribution: str, module: str, slug: str) -> None:
    folder = site / f"{module}-1.0.dist-info"
    folder.mkdir(parents=True)
    about = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
    (folder / "METADATA").write_text(about, "utf-8")
    points = f"[assay.solutions]\n{slug} = {module}:solution\n"
    (folder / "entry_points.txt").write_text(points, "utf-8")
