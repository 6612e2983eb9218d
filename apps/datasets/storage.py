"""Files of the product, encrypted as they are written: no plain byte of them is on the disk."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import shutil
import time
import uuid
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from django.conf import settings

from apps.datasets.errors import DiskFullError
from ml_core.errors import ModelError
from ml_core.security.cipher import DecryptingReader, EncryptingWriter, Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Buffer

BUFFER = 256 * 1024
MIN_FREE_BYTES = 512 * 2**20
CHECK_EVERY = 64 * 2**20
PART = ".part"
STALE_S = 24 * 3600.0  # no upload and no job writes one file for longer


def _root() -> Path:
    return Path(settings.ASSAY_DATA_DIR) / "blobs"


@lru_cache(maxsize=4)
def _key(encoded: str) -> Key:
    secret = base64.b64decode(encoded)
    return Key("k" + hashlib.sha256(b"assay key id" + secret).hexdigest()[:12], secret)


def current_key() -> Key:
    """Return the key under which this installation writes."""
    return _key(settings.ASSAY_ENCRYPTION_KEY)


def check_room(n_bytes: int = 0) -> None:
    """Refuse to begin what the disk cannot hold. Raises: DiskFullError."""
    root = _root()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if free - n_bytes < getattr(settings, "ASSAY_MIN_FREE_BYTES", MIN_FREE_BYTES):
        raise DiskFullError(free)


class BlobWriter(io.RawIOBase):
    """An encrypted file that appears whole under its name, or not at all.

    Close it, or leave its `with` block, to keep it; `abort` it, or leave the block by an error,
    to leave nothing. `sha256` and `size` are those of the plain bytes.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.size = 0
        self._digest = hashlib.sha256()
        self._path = _path(name)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._part = self._path.with_name(self._path.name + PART)
        check_room()
        self._raw = os.fdopen(os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb")
        self._cipher = EncryptingWriter(self._raw, current_key())
        self._next_check = CHECK_EVERY

    @property
    def sha256(self) -> str:
        """Digest of what was written so far."""
        return self._digest.hexdigest()

    def writable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Return how many plain bytes were written."""
        return self.size

    def write(self, data: Buffer, /) -> int:
        """Take all of `data`."""
        view = memoryview(data).cast("B")
        self._digest.update(view)
        self._cipher.write(view)
        self.size += len(view)
        if self.size >= self._next_check:
            self._next_check += CHECK_EVERY
            check_room()
        return len(view)

    def close(self) -> None:
        """Seal the file and let it appear under its name."""
        if self.closed:
            return
        self._cipher.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        self._part.replace(self._path)
        super().close()

    def abort(self) -> None:
        """Leave nothing behind."""
        if self.closed:
            return
        self._cipher.abort()
        self._raw.close()
        self._part.unlink(missing_ok=True)
        super().close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        # The inherited finaliser would close, and so keep a file that was left half-written.
        if not self.closed and hasattr(self, "_cipher"):
            self.abort()


def write(prefix: str) -> BlobWriter:
    """Begin a new file; `prefix` is a folder such as "uploads"."""
    return BlobWriter(f"{prefix}/{uuid.uuid4().hex}")


def open_blob(name: str) -> BinaryIO:
    """Open a file to read at any place, as plain bytes.

    Raises: IntegrityError: if it is not as it was written. FileNotFoundError: if it is gone.
    """
    reader = DecryptingReader(_path(name).open("rb"), _keys())
    return io.BufferedReader(reader, BUFFER)


def exists(name: str) -> bool:
    """Tell whether there is a file of that name."""
    return bool(name) and _path(name).exists()


def delete(name: str) -> None:
    """Remove a file, if it is there."""
    if name:
        _path(name).unlink(missing_ok=True)


def walk() -> Iterator[tuple[str, int, float]]:
    """Return name, bytes on the disk and last change of every file, half-written ones too."""
    root = str(_root())
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                        continue
                    with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                        found = entry.stat(follow_symlinks=False)
                        name = os.path.relpath(entry.path, root)
                        yield name, found.st_size, found.st_mtime
        except FileNotFoundError:
            continue


def delete_folder(name: str) -> None:
    """Remove all files whose names begin with a folder, if there are any."""
    shutil.rmtree(_path(name), ignore_errors=True)


def sweep(older_than_s: float = STALE_S) -> int:
    """Remove what killed processes left half-written; return how many files that were."""
    before = time.time() - older_than_s
    stale = [path for path in _root().rglob(f"*{PART}") if path.stat().st_mtime < before]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def put_folder(folder: Path, prefix: str) -> dict[str, dict[str, Any]]:
    """Keep all files of a folder; the manifest names blob, digest and size of each.

    Nothing is kept if one of them cannot be.
    """
    manifest: dict[str, dict[str, Any]] = {}
    try:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            with path.open("rb") as source, write(prefix) as blob:
                shutil.copyfileobj(source, blob, BUFFER)
            manifest[path.relative_to(folder).as_posix()] = {
                "blob": blob.name,
                "sha256": blob.sha256,
                "size": blob.size,
            }
    except BaseException:
        for entry in manifest.values():
            delete(entry["blob"])
        raise
    return manifest


def get_folder(manifest: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Write the files of a manifest into a folder, each checked by its digest.

    Raises: ModelError: if a file is not the one that was kept.
    """
    for name, entry in manifest.items():
        target = folder / _checked(name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with open_blob(entry["blob"]) as source, target.open("wb") as copy:
            while piece := source.read(BUFFER):
                digest.update(piece)
                copy.write(piece)
        if digest.hexdigest() != entry["sha256"]:
            target.unlink()
            message = (
                f"The file {name} must be the one that was kept. Got another digest. "
                "Restore it from a backup, or train again."
            )
            raise ModelError(message)


def _keys() -> dict[str, bytes]:
    key = current_key()
    return {key.id: key.secret}


def _path(name: str) -> Path:
    return _root() / _checked(name)


def _checked(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or any(part in {"..", "."} for part in path.parts):
        message = f"The name of a file must stay in its folder. Got {name!r}."
        raise ValueError(message)
    return path
