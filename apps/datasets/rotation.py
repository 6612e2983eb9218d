"""Writing stored files anew under the current key, while others read, write and delete."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from apps.accounts import keyring
from apps.datasets import storage
from ml_core.errors import IntegrityError
from ml_core.security.cipher import renew as write_anew
from ml_core.security.envelope import Header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def renew(name: str, *, whole_since: float | None = None) -> bool:
    """Bring a file under the current key; False if nothing was to do, or it is gone.

    With `whole_since` the file is encrypted anew with a data key of its own, unless it was
    written after that time. Whoever reads goes on with the old file, and a process killed here
    leaves either the old or the new one. The time of its last change stays, for the sweep.

    Raises: IntegrityError: if the file is not as it was written. DiskFullError: without room.
    """
    with storage.held(name) as path:
        if path is None:
            return False
        found = path.stat()
        try:
            if not _needs_it(path, whole_since):
                return False
            storage.check_room(found.st_size)
            _replace(path, whole_since is not None)
        except FileNotFoundError:  # its folder was removed
            return False
        except IntegrityError as error:
            message = f"Only a whole file can be rotated. Got {storage.described(name)}. {error}"
            raise IntegrityError(message) from error
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
        return True


def key_ids() -> Iterator[tuple[str, str | None, int]]:
    """Return name, id of the key and bytes of every file, half-written ones too.

    The id is None where a file has no header that can be read.
    """
    for name, size, _ in storage.walk():
        # What was half-written when it was listed may have its name by now.
        for place in dict.fromkeys((name, storage.whole_name(name))):
            try:
                key_id = _key_id(place)
            except FileNotFoundError:  # removed meanwhile
                continue
            yield place, key_id, size
            break


def _key_id(name: str) -> str | None:
    with storage.path_of(name).open("rb") as raw:
        try:
            return Header.read(raw).key_id
        except IntegrityError:
            return None


def _needs_it(path: Path, whole_since: float | None) -> bool:
    with path.open("rb") as raw:
        header = Header.read(raw)
    if header.wrapped is None or header.key_id != keyring.keys().current:
        return True
    return whole_since is not None and path.stat().st_ctime < whole_since


def _replace(path: Path, is_whole: bool) -> None:  # noqa: FBT001  private, one caller
    draft = path.with_name(path.name + storage.ANEW)
    try:
        # What lies there is of a process that was killed: nobody else holds the file.
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600), "wb") as target:
            write_anew(path.open("rb"), target, keyring.keys(), fresh=is_whole)
            target.flush()
            os.fsync(target.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
