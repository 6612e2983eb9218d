"""Online states in one SQLite file: the default, for one machine."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_WAIT_S = 30.0
_AT_ONCE = 500
_SET_UP = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
CREATE TABLE IF NOT EXISTS state (
    space TEXT NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (space, name)
) WITHOUT ROWID;
"""


class SqliteStore:
    """See `online.Store`. One object serves one thread; any number of processes share the file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        self._link = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
        self._link.executescript(_SET_UP)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._link.close()

    def read(self, space: str, names: Sequence[bytes]) -> list[bytes | None]:
        """Return what stands under each name."""
        found: dict[bytes, bytes] = {}
        wanted = list(dict.fromkeys(names))
        for first in range(0, len(wanted), _AT_ONCE):
            part = wanted[first : first + _AT_ONCE]
            marks = ",".join("?" * len(part))
            query = f"SELECT name, value FROM state WHERE space = ? AND name IN ({marks})"  # noqa: S608  marks alone
            found.update(self._link.execute(query, (space, *part)).fetchall())
        return [found.get(name) for name in names]

    def write(self, space: str, states: Mapping[bytes, bytes]) -> None:
        """Put many, whatever stood there before, all or none."""
        rows = [(space, name, value) for name, value in states.items()]
        with self._transaction():
            self._link.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", rows)

    def swap(self, space: str, name: bytes, old: bytes | None, new: bytes | None) -> bool:
        """Put `new` if `old` stands there, and tell whether it was so."""
        if old is None:
            if new is None:
                return not self.read(space, [name])[0]
            query, values = "INSERT OR IGNORE INTO state VALUES (?, ?, ?)", (space, name, new)
        elif new is None:
            query = "DELETE FROM state WHERE space = ? AND name = ? AND value = ?"
            values = (space, name, old)
        else:
            query = "UPDATE state SET value = ?1 WHERE space = ?2 AND name = ?3 AND value = ?4"
            return self._link.execute(query, (new, space, name, old)).rowcount == 1
        return self._link.execute(query, values).rowcount == 1

    def walk(self, space: str) -> Iterator[tuple[bytes, bytes]]:
        """Yield all names of a space with what stands there."""
        last = b""
        query = "SELECT name, value FROM state WHERE space = ? AND name > ? ORDER BY name LIMIT ?"
        while rows := self._link.execute(query, (space, last, _AT_ONCE)).fetchall():
            yield from rows
            last = rows[-1][0]

    def count(self, space: str) -> int:
        """Return how many names a space has."""
        query = "SELECT COUNT(*) FROM state WHERE space = ?"
        return int(self._link.execute(query, (space,)).fetchone()[0])

    def drop(self, space: str) -> None:
        """Remove a space with all in it."""
        self._link.execute("DELETE FROM state WHERE space = ?", (space,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._link.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._link.execute("ROLLBACK")
            raise
        self._link.execute("COMMIT")
