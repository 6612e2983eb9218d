"""Several models in one process, within a budget of memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from ml_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

K = TypeVar("K")
M = TypeVar("M")


@dataclass(slots=True, eq=False)
class _Held(Generic[M]):
    model: M
    size: int
    n_users: int = 0


class ModelHost(Generic[K, M]):
    """Holds models by key, loads them when they are asked for, and puts the least used away.

    `load` returns a model and its bytes, `expected` tells the bytes before it is loaded, and
    `close` ends the use of one. Room is made before a model is loaded: those that nobody pinned
    go first, the one that was used longest ago before others, and each is let finish what it was
    asked. One model is loaded at a time; those that are held can be used meanwhile.
    """

    def __init__(
        self,
        load: Callable[[K], tuple[M, int]],
        expected: Callable[[K], int],
        memory_budget: int,
        close: Callable[[M], None] = lambda _: None,
    ) -> None:
        self._load, self._expected, self._close = load, expected, close
        self.memory_budget = memory_budget
        self._changed = threading.Condition()
        self._loading = threading.Lock()
        self._held: OrderedDict[K, _Held[M]] = OrderedDict()
        self._pinned: frozenset[K] = frozenset()
        self._is_closed = False

    @contextmanager
    def use(self, key: K) -> Iterator[M]:
        """Have a model for the block; it is not put away before the block ends.

        Raises: ModelError: if it is larger than the whole budget, or the host was closed; and
            whatever loading it raises.
        """
        held = self._taken(key)
        if held is None:
            with self._loading:
                held = self._taken(key) or self._loaded(key)
        try:
            yield held.model
        finally:
            with self._changed:
                held.n_users -= 1
                self._changed.notify_all()

    def pin(self, keys: Iterable[K]) -> None:
        """Let these be put away last, instead of those that were pinned before."""
        with self._changed:
            self._pinned = frozenset(keys)

    def held(self) -> dict[K, M]:
        """Return what is held, the one used last at the end."""
        with self._changed:
            return {key: held.model for key, held in self._held.items()}

    @property
    def used_bytes(self) -> int:
        """How much of the budget is used."""
        with self._changed:
            return sum(held.size for held in self._held.values())

    def close(self) -> None:
        """Put all away, each after it has finished; nothing is loaded any more."""
        with self._loading:
            with self._changed:
                self._is_closed = True
            while self._put_one_away():
                pass

    def _taken(self, key: K) -> _Held[M] | None:
        with self._changed:
            if self._is_closed:
                raise ModelError("Models must be held to be used. This process ends. Ask again.")
            held = self._held.get(key)
            if held is not None:
                held.n_users += 1
                self._held.move_to_end(key)
            return held

    def _loaded(self, key: K) -> _Held[M]:
        self._make_room(self._expected(key))
        model, size = self._load(key)
        try:
            self._make_room(size)
        except ModelError:
            self._close(model)
            raise
        held = _Held(model, size, n_users=1)
        with self._changed:
            self._held[key] = held
        return held

    def _make_room(self, size: int) -> None:
        if size > self.memory_budget:
            message = (
                f"A model must fit in the memory for models, {self.memory_budget / 2**20:,.0f} "
                f"MiB. Got one of {size / 2**20:,.0f} MiB. Give models more memory."
            )
            raise ModelError(message)
        while self.used_bytes + size > self.memory_budget:
            self._put_one_away()

    def _put_one_away(self) -> bool:
        """Let nobody new use the least used model, wait for who does, and close it."""
        with self._changed:
            key = next((k for k in self._held if k not in self._pinned), None)
            key = key if key is not None else next(iter(self._held), None)
            if key is None:
                return False
            held = self._held.pop(key)
            self._changed.wait_for(lambda: held.n_users == 0)
        self._close(held.model)
        return True
