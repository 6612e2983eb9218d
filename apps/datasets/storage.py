"""Files of the product, encrypted as they are written: no plain byte of them is on the disk."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import shutil
import time
import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from django.conf import settings

from apps.accounts import keyring
from apps.datasets.errors import DiskFullError, LostFileError
from ml_core.errors import IntegrityError, ModelError
from ml_core.security.cipher import DecryptingReader, EncryptingWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Buffer

BUFFER = 256 * 1024
MIN_FREE_BYTES = 512 * 2**20
CHECK_EVERY = 64 * 2**20
PART = ".part"
ANEW = ".anew" + PART
KINDS = {
    "uploads": "an uploaded file",
    "prepared": "the checked table of a dataset",
    "thumbs": "a small picture",
    "issues": "a list of issues",
    "models": "a file of a model",
    "predictions": "a result",
    "answers": "a picture or sound of an answer",
}
STALE_S = 24 * 3600.0  # no upload and no job writes one file for longer


def _root() -> Path:
    return Path(settings.ASSAY_DATA_DIR) / "blobs"


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
        self._path = path_of(name)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._part = self._path.with_name(self._path.name + PART)
        check_room()
        self._raw = os.fdopen(os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb")
        try:
            self._cipher = EncryptingWriter(self._raw, keyring.keys())
        except BaseException:  # a key service that does not answer
            self._raw.close()
            self._part.unlink(missing_ok=True)
            raise
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

    Raises: IntegrityError: if it is not as it was written. LostFileError: if it is gone.
    """
    what = described(name)
    try:
        raw = path_of(name).open("rb")
    except FileNotFoundError as error:
        raise LostFileError(what) from error
    try:
        reader = DecryptingReader(raw, keyring.keys(), what)
    except IntegrityError as error:
        raw.close()
        message = f"It must be possible to open {what}. {error}"
        raise (error if what in str(error) else IntegrityError(message)) from error
    return io.BufferedReader(reader, BUFFER)


def described(name: str) -> str:
    """Say in words what a file is, with its name for who restores it."""
    return f"{KINDS.get(name.partition('/')[0], 'a stored file')} ({name})"


def exists(name: str) -> bool:
    """Tell whether there is a file of that name."""
    return bool(name) and path_of(name).exists()


def delete(name: str) -> None:
    """Remove a file, if it is there."""
    if name:
        with held(name):
            path_of(name).unlink(missing_ok=True)


@contextlib.contextmanager
def held(name: str) -> Iterator[Path | None]:
    """Hold a file against being removed or replaced meanwhile; None where there is none.

    Readers go on. Whoever waited for a file that was replaced waits again, for the new one.
    """
    path = path_of(name)
    while True:
        try:
            lock = path.open("rb+")
        except FileNotFoundError:
            yield None
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_at(lock.fileno(), path):
                yield path
                return


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


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
                    if seen := _seen(entry.path):
                        path, found = seen
                        yield os.path.relpath(path, root), found.st_size, found.st_mtime
        except FileNotFoundError:
            continue


def _seen(path: str) -> tuple[str, os.stat_result] | None:
    """Look at a file, or at what a half-written one has become; None if it is deleted."""
    for place in (path, whole_name(path)):
        with contextlib.suppress(FileNotFoundError):
            return place, os.stat(place, follow_symlinks=False)  # noqa: PTH116  most paths are text
    return None


def whole_name(name: str) -> str:
    """Return the name that a half-written file gets when it is whole; any other as it is."""
    return name.removesuffix(ANEW).removesuffix(PART)


def delete_folder(name: str) -> None:
    """Remove all files whose names begin with a folder, if there are any."""
    for _ in range(3):  # a file of it may just be written anew
        shutil.rmtree(path_of(name), ignore_errors=True)
        if not path_of(name).exists():
            return


def sweep(older_than_s: float = STALE_S) -> int:
    """Remove what killed processes left half-written; return how many files that were."""
    before = time.time() - older_than_s
    stale = [name for name, _, changed in walk() if name.endswith(PART) and changed < before]
    for name in stale:
        path_of(name).unlink(missing_ok=True)
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


def path_of(name: str) -> Path:
    """Return where a file lies. Raises: ValueError: if the name leads out of the folder."""
    return _root() / _checked(name)


def _checked(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or any(part in {"..", "."} for part in path.parts):
        message = f"The name of a file must stay in its folder. Got {name!r}."
        raise ValueError(message)
    return path
