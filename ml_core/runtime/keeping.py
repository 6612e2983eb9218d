"""Files that took long to make, kept under names that say what they were made from."""

from __future__ import annotations

import hashlib
import platform
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CPU = Path("/proc/cpuinfo")


def key_of_file(path: Path, *words: str) -> str:
    """Return a digest of a file, this machine's processor and what else matters."""
    digest = hashlib.sha256(path.read_bytes())
    digest.update("\0".join([_processor(), *words]).encode())
    return digest.hexdigest()[:32]


def put(path: Path, write: Callable[[Path], object]) -> None:
    """Have a file written under another name, and rename it when it is whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{uuid.uuid4().hex}.part")
    try:
        write(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _processor() -> str:
    """Name the instructions that code may be made for; two machines of one kind are alike."""
    lines = _CPU.read_text("utf-8").splitlines() if _CPU.is_file() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()} {flags}"
