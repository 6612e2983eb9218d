"""Files that rows of a table speak of: pictures and sounds, read when they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ml_core.data.archive import DAMAGED, members_of
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Mapping
    from pathlib import Path


class Media(Protocol):
    """Bytes by the name that a cell of kind `image` or `audio` holds."""

    def read(self, name: str) -> bytes:
        """Return a file whole. Raises: DataError: if there is none of that name."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryMedia:
    """Files that are in memory already; with none, a table that speaks of no files."""

    files: Mapping[str, bytes]

    def read(self, name: str) -> bytes:
        """Return a file. Raises: DataError: if there is none of that name."""
        try:
            return self.files[name]
        except KeyError:
            raise missing(name) from None


NO_MEDIA = MemoryMedia({})


@dataclass(frozen=True, slots=True)
class FolderMedia:
    """Files below a folder, named by their path in it."""

    folder: Path

    @property
    def names(self) -> list[str]:
        """Names of all files, in order."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.folder).as_posix() for path in found)

    def read(self, name: str) -> bytes:
        """Return a file. Raises: DataError: if there is none, or the name leads out."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()) or not path.is_file():
            raise missing(name)
        return path.read_bytes()


@dataclass(frozen=True, slots=True)
class ZipMedia:
    """Members of a ZIP archive that is open; not for two threads at once."""

    archive: zipfile.ZipFile

    @property
    def names(self) -> list[str]:
        """Names of all files, in order."""
        return members_of(self.archive)

    def read(self, name: str) -> bytes:
        """Return a member. Raises: DataError: if there is none, or it is damaged."""
        try:
            return self.archive.read(name)
        except KeyError:
            raise missing(name) from None
        except DAMAGED as error:
            message = (
                f"A file of the archive must be whole. {name!r} is not ({error}). Pack it again."
            )
            raise DataError(Issue("damaged_file", message)) from error


def missing(name: str) -> DataError:
    """Say that a file is not there."""
    message = f"A file that a row names must be there. Got {name!r}. Add it, or correct the name."
    return DataError(Issue("missing_file", message))
