"""Names say what a thing is; a drawer for everything is not a name."""

from __future__ import annotations

import benchmarks
import kernels
from tests.architecture.rooms import ROOMS, ROOT, name_of, python_files

FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}


def test_no_file_or_folder_is_a_drawer_for_everything():
    drawers = [
        name_of(path)
        for path in python_files(*ROOMS, "tests", "benchmarks", "scripts")
        if FORBIDDEN & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
    ]

    assert drawers == []


def test_the_package_kernels_is_ours():
    # PyPI has a package of the same name, which a stray dependency could bring in.
    assert kernels.__file__ == str(ROOT / "kernels" / "__init__.py")


def test_the_package_benchmarks_is_ours():
    # Opacus brings a package of the same name along.
    assert benchmarks.__file__ == str(ROOT / "benchmarks" / "__init__.py")
