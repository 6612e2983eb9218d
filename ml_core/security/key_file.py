"""A file with keys, one in each line in base64: the first is the current one."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ml_core.errors import ConfigError
from ml_core.security.keys import Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEAD = (
    "# Keys of the stored files, the current one first. Keep a copy in a safe place, apart from\n"
    "# the data: without these keys no file can be read again.\n"
)
LARGEST_BYTES = 1 << 20
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_keys(path: Path) -> tuple[Key, ...]:
    """Return the keys of a file; none where there is no file.

    Raises: ConfigError: if others than its owner may touch it, or a line is no key.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & _OTHERS:
                raise ConfigError(_too_open(path, mode))
            text = file.read(LARGEST_BYTES).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    except OSError as error:
        message = f"The file of keys {path.name} must be one that can be read. Got "
        raise ConfigError(f"{message}{error.strerror}. Check the path and its rights.") from error
    lines = enumerate(text.splitlines(), start=1)
    return tuple(
        Key.of(line.strip(), f"Line {number} of {path.name}")
        for number, line in lines
        if line.strip() and not line.startswith("#")
    )


def add_key(path: Path, key: Key) -> None:
    """Put a key before all others of a file, which makes it the current one."""
    with _turn(path):
        _write(path, [key, *(known for known in read_keys(path) if known != key)])


def drop_key(path: Path, key_id: str) -> None:
    """Take a key out of a file. Raises: ConfigError: if it is not there, or the current one."""
    with _turn(path):
        known = read_keys(path)
        if key_id not in [key.id for key in known[1:]]:
            message = (
                f"A key that is taken away must be an old one of {path.name}. Got {key_id!r}. "
                "Make another key the current one first, or take it out where it was set."
            )
            raise ConfigError(message)
        _write(path, [key for key in known if key.id != key_id])


def _too_open(path: Path, mode: int) -> str:
    return (
        f"The file of keys {path.name} must be open to its owner only. Got the mode {mode:04o}. "
        f"Run chmod 600 {path.name}."
    )


def _write(path: Path, keys: Sequence[Key]) -> None:
    # mkstemp makes it 0600; it appears whole under its name, or not at all.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(HEAD + "".join(f"{key.encoded}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Let one process at a time change the file."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock").open("w")
    except OSError as error:
        message = (
            f"The file of keys {path.name} must be one that can be written. Got {error.strerror}. "
            "Put the new key before the others yourself, or check the rights of its folder."
        )
        raise ConfigError(message) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
