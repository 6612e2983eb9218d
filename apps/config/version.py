"""The version of the product, read from the one place where it is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEADING = re.compile(r"^## \[?(\d+\.\d+\.\d+)\]?", re.MULTILINE)


def read_version(changelog: Path) -> str:
    """Return the newest version of a changelog, "0.0.0" before the first."""
    found = _HEADING.search(changelog.read_text("utf-8")) if changelog.is_file() else None
    return found.group(1) if found else "0.0.0"
