"""Data in repositories of DVC: `.dvc` files and caches, read without DVC and without trust."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Protocol

import yaml

from ml_core.data.archive import DAMAGED
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ENDING = ".dvc"
DIRECTORY = ".dir"
MOST_YAML_BYTES = 64 * 1024
MOST_LISTED = 50_000
_PIECE = 2**20
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_KEPT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")


class Repository(Protocol):
    """Files by their path within a repository; a ZIP of one, or a folder."""

    @property
    def names(self) -> Sequence[str]:
        """Names of all files."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """Open a file. Raises: KeyError: if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """What a `.dvc` file says of one output; `folder` is where the file itself lies."""

    dvc_file: str
    path: str
    md5: str
    size: int | None = None
    folder: str = ""

    @property
    def is_directory(self) -> bool:
        """Whether it stands for many files, which a list in the cache names."""
        return self.md5.endswith(DIRECTORY)

    @property
    def name(self) -> str:
        """Name without folders."""
        return PurePosixPath(self.path).name


class _NoAliases(yaml.SafeLoader):
    """YAML of plain values. An alias may make a few bytes stand for millions, so none is read."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def entries(repository: Repository) -> list[Entry]:
    """Return all outputs that the repository keeps, by the name of their `.dvc` file.

    Raises: DataError: if a `.dvc` file cannot be read, or none is there.
    """
    names = [name for name in repository.names if _is_dvc_file(name)]
    found = [entry for name in sorted(names) for entry in _read(repository, name)]
    if not found:
        raise _bad("have a .dvc file with an output", "none", "Choose the root of the repository.")
    return found


def _is_dvc_file(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix == ENDING and ".dvc" not in path.parts[:-1] and path.name != ENDING


def _read(repository: Repository, name: str) -> list[Entry]:
    try:
        with repository.open(name) as stream:
            text = stream.read(MOST_YAML_BYTES + 1)
    except DAMAGED as error:
        raise _damaged(name) from error
    if len(text) > MOST_YAML_BYTES:
        raise _bad(f"have small .dvc files, {MOST_YAML_BYTES:,} bytes at most", name, "Cut it.")
    try:
        told = yaml.load(text, Loader=_NoAliases)  # noqa: S506  a safe loader, and less
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise _bad("have .dvc files of plain YAML", name, "Write it anew by dvc add.") from error
    outs = told.get("outs") if isinstance(told, dict) else None
    return [_entry(name, out) for out in outs] if isinstance(outs, list) else []


def _entry(name: str, out: Any) -> Entry:
    told = out if isinstance(out, dict) else {}
    path, md5, size = told.get("path"), told.get("md5"), told.get("size")
    if not (isinstance(path, str) and isinstance(md5, str) and _MD5.fullmatch(md5)):
        raise _bad("name path and md5 of each output", name, "Run dvc commit, and pack it again.")
    if told.get("hash", "md5") != "md5":
        raise _bad("know its files by MD5", str(told["hash"])[:40], "Export it from DVC 3.")
    _check_inside(path)
    known = size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None
    return Entry(name, path, md5, known, str(PurePosixPath(name).parent))


def _check_inside(path: str) -> None:
    parts = PurePosixPath(path.replace("\\", "/")).parts
    is_out = not parts or parts[0] == "/" or ".." in parts or ":" in parts[0] or "\0" in path
    if is_out or not path.isprintable():
        raise _bad("name outputs inside of itself", repr(path[:120]), "Correct the path.")


def choose(found: Sequence[Entry], wanted: str = "") -> Entry:
    """Return the entry that is meant: by its `.dvc` file or its path, or the only one.

    Raises: DataError: if there is none of that name, or several to choose from.
    """
    meant = [entry for entry in found if wanted in ("", entry.dvc_file, _place(entry), entry.path)]
    if len(meant) == 1:
        return meant[0]
    known = ", ".join(_place(entry) for entry in found[:20])
    if wanted and not meant:
        raise _bad(f"have the entry you name, one of {known}", wanted[:120], "Choose one of these.")
    raise _bad("be asked for one entry", f"{len(meant)}: {known}", "Name one of them.")


def _place(entry: Entry) -> str:
    return str(PurePosixPath(entry.folder, entry.path))


class Shelf:
    """The files of a repository by their digest, whether in a cache, in a remote or checked out.

    DVC 3 and 2 put a file below the first two signs of its digest, each in another folder.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._names = frozenset(repository.names)
        ends = (("/".join(name.split("/")[-2:]), name) for name in sorted(self._names))
        self._by_digest = {end.replace("/", ""): name for end, name in ends if _KEPT.fullmatch(end)}

    def copy(
        self, md5: str, place: str, write: Callable[[bytes], object], size: int | None = None
    ) -> None:
        """Copy a file out, and hold it against its digest.

        Raises: DataError: if it is nowhere, or another one; the copy is then not to be used.
        """
        name = self._by_digest.get(md5) or (place if place in self._names else None)
        if name is None:
            raise _bad(
                "hold the file, in its cache, its local remote or checked out", f"none for {place}",
                "Run dvc pull, and pack it again with .dvc/cache.",
            )  # fmt: skip
        digest, n_bytes = hashlib.md5(usedforsecurity=False), 0
        for piece in self._pieces(name):
            digest.update(piece)
            n_bytes += len(piece)
            write(piece)
        if digest.hexdigest() != md5.removesuffix(DIRECTORY) or size not in (None, n_bytes):
            raise _bad(
                "hold the file that its entry tells", f"another digest or size for {place}",
                "Run dvc commit if it was changed on purpose, else dvc checkout.",
            )  # fmt: skip

    def _pieces(self, name: str) -> Iterator[bytes]:
        try:
            with self._repository.open(name) as stream:
                yield from pieces_of(stream)
        except DAMAGED as error:
            raise _damaged(name) from error


def copy_out(shelf: Shelf, entry: Entry, write: Callable[[bytes], object]) -> None:
    """Copy the file of an entry. Raises: DataError: as `Shelf.copy`."""
    shelf.copy(entry.md5, _place(entry), write, entry.size)


def listed(shelf: Shelf, entry: Entry) -> dict[str, str]:
    """Return the files of a directory: path within it -> MD5.

    Raises: DataError: if its list is not in the cache, is damaged, or leads out.
    """
    held = bytearray()
    shelf.copy(entry.md5, _place(entry), held.extend)
    try:
        told = json.loads(held)
        files = {str(one["relpath"]): str(one["md5"]) for one in told[: MOST_LISTED + 1]}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _bad("list the files of a directory", _place(entry), "Run dvc commit.") from error
    if len(files) > MOST_LISTED:
        raise _bad(f"list at most {MOST_LISTED:,} files", _place(entry), "Split it.")
    for path, md5 in files.items():
        _check_inside(path)
        if not _MD5.fullmatch(md5) or md5.endswith(DIRECTORY):
            raise _bad("tell the MD5 of each file", path[:120], "Run dvc commit.")
    return files


def member(
    shelf: Shelf, entry: Entry, path: str, md5: str, write: Callable[[bytes], object]
) -> None:
    """Copy one file of a directory. Raises: DataError: as `Shelf.copy`."""
    shelf.copy(md5, str(PurePosixPath(_place(entry), path)), write)


def dvc_file(name: str, md5: str, size: int) -> str:
    """Return the text of the `.dvc` file of one file, in the form of DVC 3."""
    out = {"md5": md5, "size": size, "hash": "md5", "path": name}
    return yaml.safe_dump({"outs": [out]}, sort_keys=False, allow_unicode=True)


def cache_path(md5: str) -> str:
    """Return where the cache of a repository keeps a file."""
    return f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"


def md5_of(stream: IO[bytes]) -> tuple[str, int]:
    """Return digest and size of what is left of a stream."""
    digest, size = hashlib.md5(usedforsecurity=False), 0
    for piece in pieces_of(stream):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def pieces_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what is left of a stream, a piece at a time."""
    while piece := stream.read(_PIECE):
        yield piece


def _damaged(name: str) -> DataError:
    return _bad("be a whole ZIP", f"a damaged {name[:120]!r}", "Pack it again.")


def _bad(rule: str, got: str, advice: str) -> DataError:
    message = f"A DVC repository must {rule}. Got {got}. {advice}"
    return DataError(Issue("bad_dvc", message))
