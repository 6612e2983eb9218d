"""Small pictures for lists: made once from the large ones, then kept encrypted beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.datasets import storage
from apps.datasets.errors import DiskFullError

if TYPE_CHECKING:
    from collections.abc import Callable


_ROOT = "thumbs/"


def folder_of(source_blob: str) -> str:
    """Return where the small pictures of an archive are; frozen versions of it share them."""
    return _ROOT + source_blob


def owner_of(name: str) -> str:
    """Return the file on which a file depends: for a small picture the archive, else itself."""
    return name.removeprefix(_ROOT).rpartition("/")[0] if name.startswith(_ROOT) else name


def kept(source_blob: str, row: int, side: int, make: Callable[[], bytes]) -> bytes:
    """Return a small picture, made at the first time it is asked for."""
    name = f"{folder_of(source_blob)}/{row}-{side}"
    try:
        with storage.open_blob(name) as stream:
            return stream.read()
    except FileNotFoundError:
        data = make()
    try:
        with storage.BlobWriter(name) as blob:
            blob.write(data)
    except (FileExistsError, DiskFullError):
        pass  # another request is writing it, or there is no room: it is shown all the same
    return data
