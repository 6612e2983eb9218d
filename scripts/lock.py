"""Write the lock files: what pyproject.toml asks for and all that it brings, at exact versions.

The versions are those of the environment, which is brought up to the ranges first.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
HEAD = "# Written by `make lock` from pyproject.toml. Do not edit.\n"


def closure(wanted: list[str]) -> dict[str, str]:
    """Return every distribution that the requirements need, with its installed version."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    queue = [(Requirement(text), "") for text in wanted]
    while queue:
        requirement, extra = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        installed = distribution(name)
        found[name] = installed.version
        needs = [Requirement(text) for text in installed.requires or []]
        for asked in {"", *requirement.extras}:
            if (name, asked) not in seen:
                seen.add((name, asked))
                queue += [(need, asked) for need in needs]
    return found


def write(file: Path, pins: dict[str, str]) -> None:
    """Write one lock file."""
    lines = "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))
    file.write_text(HEAD + lines, "utf-8")


def main() -> None:
    """Bring the environment up to the ranges, then write down what it holds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    run: list[str] = project["project"]["dependencies"]
    dev: list[str] = project["dependency-groups"]["dev"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *run, *dev], check=True)  # noqa: S603  our own list
    try:
        pins, all_pins = closure(run), closure(run + dev)
    except PackageNotFoundError as error:
        sys.exit(f"{error.name} must be installed. It is not. Run `make setup-dev` first.")
    write(ROOT / "requirements.lock", pins)
    more = {name: version for name, version in all_pins.items() if name not in pins}
    write(ROOT / "requirements-dev.lock", more)
    local = [name for name, version in all_pins.items() if re.search(r"[/+]", version)]
    if local:
        sys.exit(f"A version must be a public one. These are not: {', '.join(local)}.")


if __name__ == "__main__":
    main()
