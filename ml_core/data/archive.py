"""ZIP archives from strangers: looked through before anything in them is unpacked."""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_MEMBERS = 50_000
MOST_BYTES = 20 * 2**30
MOST_MEMBER_BYTES = 200 * 2**20
MOST_RATIO = 200  # pictures hardly shrink, text does by ten
_SMALL = 2**20  # below this no ratio is a danger
_ENCRYPTED = 0x1
# What reading a damaged member raises, by how it was packed and by what is damaged.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError,
    UnicodeDecodeError, NotImplementedError,
)  # fmt: skip


def open_archive(stream: IO[bytes]) -> zipfile.ZipFile:
    """Open an archive whose members may be read one by one, in memory, without danger.

    Nothing is ever unpacked to the disk; names are checked all the same, because they become
    names of rows and of files in exports.
    Raises: DataError: naming the member that is too large, leads out, or cannot be read.
    """
    try:
        archive = zipfile.ZipFile(stream)
        members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        message = f"An archive must be a whole ZIP file. It is not ({error}). Pack it again."
        raise DataError(Issue("bad_archive", message)) from error
    _check_all(members)
    return archive


def members_of(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the files, in order, without folders and what systems leave behind."""
    names = (info.filename for info in archive.infolist() if not info.is_dir())
    return sorted(name for name in names if not _is_debris(name))


def write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    """Write a ZIP that is the same to the byte for the same members: it tells no time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)


class ZipPieces(io.RawIOBase):
    """What a ZIP writer has written since the last look; it cannot go back."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Hold some bytes."""
        self._held += data
        return len(data)

    def take(self) -> bytes:
        """Return what is held, and hold nothing."""
        taken, self._held = bytes(self._held), bytearray()
        return taken


def _check_all(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_MEMBERS:
        raise _refusal("hold at most", f"{MOST_MEMBERS:,} files", f"{len(members):,}", "Split it.")
    total = sum(member.file_size for member in members)
    if total > MOST_BYTES:
        most = f"{MOST_BYTES // 2**30} GiB unpacked"
        raise _refusal("be at most", most, f"{total / 2**30:,.1f} GiB", "Split it.")
    for member in members:
        _check(member)


def _check(member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/") or "/")
    kind = stat.S_IFMT(member.external_attr >> 16)
    first = path.parts[0] if path.parts else ""  # the folder of the archive itself has no part
    if path.is_absolute() or ".." in path.parts or "\0" in member.filename or ":" in first:
        raise _bad(member, "stay in the folder of the archive", "Rename it.")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _bad(member, "be a plain file", "Pack the file itself.")
    if member.flag_bits & _ENCRYPTED:
        raise _bad(member, "be readable without a password", "Pack it without one.")
    if member.file_size > MOST_MEMBER_BYTES:
        raise _bad(member, f"be at most {MOST_MEMBER_BYTES // 2**20} MiB", "Make it smaller.")
    if member.file_size > max(_SMALL, MOST_RATIO * member.compress_size):
        raise _bad(member, f"shrink at most {MOST_RATIO} times when packed", "Pack it stored.")


def _bad(member: zipfile.ZipInfo, rule: str, advice: str) -> DataError:
    message = f"A file of the archive must {rule}. Got {member.filename[:120]!r}. {advice}"
    return DataError(Issue("bad_member", message))


def _refusal(verb: str, most: str, got: str, advice: str) -> DataError:
    message = f"An archive must {verb} {most}. Got {got}. {advice}"
    return DataError(Issue("archive_too_large", message))


def _is_debris(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and (parts[0] == "__MACOSX" or parts[-1].startswith(".") or parts[-1] in {
        "Thumbs.db", "desktop.ini",
    })  # fmt: skip
