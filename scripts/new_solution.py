"""Begin a solution: `make new-solution NAME=weld` copies the smallest whole one, renamed."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "tests/dummy_solution"
_UNUSED = {
    "options: WeldOptions, seed: int) -> Split:": "ARG002",
    "run: Run = NullRun(),": "B008",
    "settings: Options | None = None,": "ARG002",
}


def begin(name: str, root: Path = ROOT) -> Path:
    """Write `solutions/<name>/` and make the import contracts know it; returns the folder."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,31}", name):
        sys.exit(f"NAME must be a slug such as weld, with 2 to 32 signs. Got {name!r}.")
    folder = root / "solutions" / name
    if folder.exists():
        sys.exit(f"NAME must be new. There is {folder.relative_to(root)} already. Choose another.")
    shutil.copytree(root / TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in folder.rglob("*.py"):
        file.write_text(renamed(file.read_text("utf-8"), name), "utf-8")
    rules = root / "pyproject.toml"
    rules.write_text(with_contracts(rules.read_text("utf-8"), name), "utf-8")
    return folder


def renamed(text: str, name: str) -> str:
    """Return a file of the template as one of the new solution."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    text = text.replace("tests.dummy_solution", f"solutions.{name}")
    text = text.replace(TEMPLATE, f"solutions/{name}").replace('slug = "dummy"', f'slug = "{name}"')
    # The contract has these arguments; not every solution needs them.
    for line, rules in _UNUSED.items():
        text = re.sub(
            rf"^(.*{re.escape(line)})$", rf"\1  # noqa: {rules}", text, flags=re.MULTILINE
        )
    return re.sub(r"\bWeld(?=[A-Z(\[]|\b)", camel, text)


def with_contracts(text: str, name: str) -> str:
    """Add the solution to the lists that name every solution."""
    return re.sub(r'("solutions\.[a-z0-9_]+")\]', rf'\1, "solutions.{name}"]', text)


if __name__ == "__main__":
    made = begin(sys.argv[1] if len(sys.argv) > 1 else "")
    sys.stdout.write(
        f"{made.relative_to(ROOT)} is a whole solution. It passes the kit as it is:\n"
        f"  .venv/bin/python -m solutions check {made.name}\n"
        "Replace its schema, its network and its report, and check again.\n"
        "See docs/how-to-add-a-solution.md.\n"
    )
