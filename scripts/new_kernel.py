"""Begin a kernel: `make new-kernel NAME=knn` copies the smallest whole one, renamed."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "tests/dummy_kernel"


def begin(name: str, root: Path = ROOT) -> Path:
    """Write `kernels/<name>/`, which registers itself; returns the folder."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,31}", name) or keyword.iskeyword(name):
        sys.exit(
            "NAME must be that of a function such as knn: 2 to 32 of a-z, 0-9 and _, a letter "
            f"first. Got {name!r}. Choose another."
        )
    folder = root / "kernels" / name
    if folder.exists() or folder.with_suffix(".py").exists():
        sys.exit(f"NAME must be new. There is kernels/{name} already. Choose another.")
    shutil.copytree(root / TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in folder.rglob("*.py"):
        text = re.sub(r"\bsegment_sum\b", name, file.read_text("utf-8"))
        file.write_text(text, "utf-8")
    return folder


if __name__ == "__main__":
    made = begin(sys.argv[1] if len(sys.argv) > 1 else "")
    sys.stdout.write(
        f"{made.relative_to(ROOT)} is a whole kernel: sums by segment. Its twins agree as they "
        "are:\n"
        f"  .venv/bin/pytest tests/kernels/test_twins.py -k {made.name}\n"
        "Replace its reference first, then its cases, then the twins, and run them again.\n"
        "See docs/how-to-add-a-kernel.md.\n"
    )
