"""Where a repository of DVC may lie: packed in a ZIP, or in folders of this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from ml_core.data.archive import MOST_MEMBERS
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ZipRepository:
    """A repository in an archive that is open and looked through already."""

    archive: zipfile.ZipFile

    @property
    def names(self) -> Sequence[str]:
        """Names of all members, hidden ones too."""
        return [info.filename for info in self.archive.infolist() if not info.is_dir()]

    def open(self, name: str) -> IO[bytes]:
        """Open a member."""
        return self.archive.open(name)


@dataclass(frozen=True, slots=True)
class FolderRepository:
    """A repository in a folder, and local remotes beside it. Links that lead out are not seen."""

    folder: Path
    remotes: tuple[Path, ...] = ()
    _files: dict[str, Path] = field(default_factory=dict)

    @property
    def names(self) -> Sequence[str]:
        """Names of all files; those of remotes begin with the name of theirs."""
        if not self._files:
            for number, root in enumerate((self.folder, *self.remotes)):
                self._look_into(root, f"remote{number}/" if number else "")
        return list(self._files)

    def _look_into(self, root: Path, prefix: str) -> None:
        inside = root.resolve()
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.resolve().is_relative_to(inside):
                self._files[prefix + path.relative_to(root).as_posix()] = path
            if len(self._files) > MOST_MEMBERS:
                message = (
                    f"A DVC repository must hold at most {MOST_MEMBERS:,} files. Got more. "
                    "Choose a smaller folder."
                )
                raise DataError(Issue("bad_dvc", message))

    def open(self, name: str) -> IO[bytes]:
        """Open a file."""
        if name not in self.names:
            raise KeyError(name)
        return self._files[name].open("rb")
