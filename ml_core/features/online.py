"""The features of an entity at this moment, from a store that keeps its recent rows.

A look-up runs the definition of the kernel over the very rows that the offline features were
computed from, so both agree to the last bit. Where the rows are kept is a `Store`: three small
promises that SQLite and Redis keep (`sqlite_store.py`, `redis_store.py`).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from ml_core.errors import DataError, Issue, JobError
from ml_core.features.moment import features_at
from ml_core.features.rows import LARGEST, clean, times
from ml_core.features.state import NO_KEY, Change, State
from ml_core.features.view import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ml_core.features.view import FeatureView
    from ml_core.typing import Frame

# How far behind an entity's newest row a late one, or a look-up, may be and still find all of it.
LATENESS = DAY
MOST_ROWS = 10_000
_TRIES = 50
_BULK = 2_000
# Entities that are held in memory at once while they are looked up.
_AT_ONCE = 100
# Where a space keeps from when on it is whole: no digest is as short.
_WHOLE = b"whole"


class Store(Protocol):
    """Bytes by space and name, changed by one at a time."""

    def read(self, space: str, names: Sequence[bytes]) -> list[bytes | None]:
        """Return what stands under each name."""
        ...

    def write(self, space: str, states: Mapping[bytes, bytes]) -> None:
        """Put many, whatever stood there before."""
        ...

    def swap(self, space: str, name: bytes, old: bytes | None, new: bytes | None) -> bool:
        """Put `new` if `old` stands there (None: nothing), and tell whether it was so."""
        ...

    def walk(self, space: str) -> Iterator[tuple[bytes, bytes]]:
        """Yield all names of a space with what stands there; changes meanwhile may be missed."""
        ...

    def count(self, space: str) -> int:
        """Return how many names a space has."""
        ...

    def drop(self, space: str) -> None:
        """Remove a space with all in it."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """The features of one entity at one moment.

    `is_known`: anything is kept of it. `is_complete`: nothing within the windows was forgotten,
    of this entity or with a whole one that it may have been.
    """

    features: dict[str, float | None]
    is_known: bool
    is_complete: bool
    n_rows: int
    newest: int | None


def plain_digest(text: str) -> bytes:
    """Return a name for an entity that is not personal; use a keyed digest for one that is."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


class OnlineView:
    """One view in a space of a store."""

    def __init__(
        self,
        view: FeatureView,
        store: Store,
        space: str,
        *,
        digest: Callable[[str], bytes] = plain_digest,
        lateness: int = LATENESS,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self.view, self.store, self.space = view, store, space
        self._digest = digest
        self._reach = view.horizon + lateness
        self._most = most_rows

    def put(self, frame: Frame) -> Change:
        """Take in rows, late, doubled and corrected ones too; safe beside others who do so.

        Raises: DataError: if the rows cannot be used. JobError: if others are always faster.
        """
        total = Change()
        for name, more in self._states(clean(self.view, frame)):
            total += self._put(name, more)
        return total

    def add(
        self, entity: str, at: int, values: Sequence[float | None], key: str | None = None
    ) -> Change:
        """Take in one event as it happens: `values` in the order of `view.values`.

        Raises: DataError: if a value is beyond all bounds. JobError: if others are always faster.
        """
        # Adding zero makes one zero of both, as `rows.clean` does.
        row = [math.nan if value is None else float(value) + 0.0 for value in values]
        if len(row) != len(self.view.values) or any(abs(value) > LARGEST for value in row):
            message = (
                f"An event must have {len(self.view.values)} values of at most {LARGEST:g} in "
                "size. Got others. Correct them, or leave them empty."
            )
            raise DataError(Issue("bad-event", message))
        moments = np.array([at], np.int64)
        keys = np.array([self._key(key)], np.uint64)
        return self._put(self._digest(entity), State(0, moments, keys, np.array([row])))

    def load(self, frame: Frame, newest: int | None = None) -> int:
        """Fill an empty space with the rows that may still matter; return how many entities.

        Rows at or before `newest` (of all rows, by default) less the horizon and lateness are left
        out, and the space remembers it. Raises: DataError: if the rows cannot be used.
        """
        rows = clean(self.view, frame)
        if rows.is_empty():
            return 0
        moments = rows[self.view.time].to_physical()
        last = int(times(rows[self.view.time])[-1]) if newest is None else newest
        kept = rows.filter(moments > last - self._reach)
        if kept.height < rows.height:
            self._raise_floor(last - self._reach)
        nothing = State.empty(len(self.view.values))
        bulk: dict[bytes, bytes] = {}
        n_entities = 0
        for name, more in self._states(kept):
            bulk[name] = nothing.with_rows(more, self._reach, self._most)[0].encode()
            n_entities += 1
            if len(bulk) >= _BULK:
                self.store.write(self.space, bulk)
                bulk = {}
        self.store.write(self.space, bulk)
        return n_entities

    def look_up(self, entities: Sequence[str], at: Sequence[int]) -> list[Found]:
        """Return the features of each entity at its moment, in microseconds.

        Shapes: entities (n,), at (n,) -> n. O(rows in the windows) each.
        Raises: IntegrityError: if what is kept is damaged.
        """
        asked = list(zip(entities, at, strict=True))
        found: list[Found] = []
        for first in range(0, len(asked), _AT_ONCE):
            part = asked[first : first + _AT_ONCE]
            names = [self._digest(entity) for entity, _ in part]
            whole, *kept = self.store.read(self.space, [_WHOLE, *names])
            floor = self._decode(whole).floor
            found += [self._found(data, t, floor) for data, (_, t) in zip(kept, part, strict=True)]
        return found

    def expire(self, before: int) -> int:
        """Forget entities of whom no row matters at `before` any more; return how many."""
        n_gone = 0
        for name, data in list(self.store.walk(self.space)):
            state = self._decode(data)
            is_over = not len(state.times) or int(state.times[-1]) <= before - self._reach
            if name == _WHOLE or not is_over:
                continue
            if not n_gone:
                self._raise_floor(before - self._reach)
            n_gone += self.store.swap(self.space, name, data, None)
        return n_gone

    def _found(self, data: bytes | None, at: int, floor: int) -> Found:
        state = self._decode(data)
        moments, values = state.rows
        figures = features_at(self.view, moments, values, at)
        named = {
            name: None if figure != figure else figure  # noqa: PLR0124  only NaN differs
            for name, figure in zip(self.view.features, figures, strict=True)
        }
        newest = moments[-1] if moments else None
        is_complete = max(state.floor, floor) <= at - self.view.horizon
        return Found(named, data is not None, is_complete, len(moments), newest)

    def _decode(self, data: bytes | None) -> State:
        n_columns = len(self.view.values)
        return State.empty(n_columns) if data is None else State.decode(data, n_columns)

    def _put(self, name: bytes, more: State) -> Change:
        return self._swap(name, lambda state: state.with_rows(more, self._reach, self._most))

    def _raise_floor(self, floor: int) -> None:
        """Remember that rows at or before a moment may be gone with all of their entity."""
        self._swap(_WHOLE, lambda state: (state.with_floor(floor), Change()))

    def _swap(self, name: bytes, changed: Callable[[State], tuple[State, Change]]) -> Change:
        for _ in range(_TRIES):
            [old] = self.store.read(self.space, [name])
            new, change = changed(self._decode(old))
            if self.store.swap(self.space, name, old, new.encode()):
                return change
        message = (
            f"A row must be put within {_TRIES} tries. Others changed the same entity each time. "
            "Try again."
        )
        raise JobError(message)

    def _states(self, rows: Frame) -> Iterator[tuple[bytes, State]]:
        """Yield the rows of each entity, under its name in the store."""
        view = self.view
        for (entity,), part in rows.partition_by(
            view.entity, as_dict=True, maintain_order=True
        ).items():
            values = np.empty((part.height, len(view.values)), np.float64)
            for place, column in enumerate(view.values):
                values[:, place] = part[column].fill_null(np.nan).to_numpy()
            keys = np.full(part.height, NO_KEY, np.uint64)
            if view.key:
                keys = np.array([self._key(text) for text in part[view.key]], np.uint64)
            state = State(0, times(part[view.time]), keys, values)
            yield self._digest(str(entity)), state

    def _key(self, text: str | None) -> int:
        """Return 63 bits that stand for the key of an event; the key itself is not kept."""
        if text is None:
            return NO_KEY
        return int.from_bytes(self._digest(f"key {text}")[:8], "little") | 1


def table_of(
    view: FeatureView, entities: Sequence[str], at: Sequence[int], found: Sequence[Found]
) -> Frame:
    """Return what was looked up as a frame, in the columns of the offline features."""
    columns = {name: [one.features[name] for one in found] for name in view.features}
    moments = pl.Series(view.time, list(at), pl.Int64).cast(pl.Datetime("us"))
    figures = pl.DataFrame(columns, schema=dict.fromkeys(view.features, pl.Float64))
    named = pl.DataFrame({view.entity: pl.Series(list(entities), dtype=pl.String)})
    return named.with_columns(moments).hstack(figures)
