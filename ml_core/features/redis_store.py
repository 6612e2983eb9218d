"""Online states in Redis, for several machines: a hash for each space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import redis

from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PREFIX = "assay:features:"
_AT_ONCE = 500
_TIMEOUT_S = 5.0
# Compare and set in one step: "" stands for nothing, which no state is.
_SWAP = """
local now = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if now ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1
"""


class RedisStore:
    """See `online.Store`; `url` is such as "redis://host:6379/2"."""

    def __init__(self, url: str) -> None:
        try:
            self._link: Any = redis.Redis.from_url(
                url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
            )
        except ValueError as error:
            message = (
                "The address of the online store must begin with redis:// or rediss://. "
                "Got another. Correct it."
            )
            raise ConfigError(message) from error
        self._swap: Any = self._link.register_script(_SWAP)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._link.close()

    def read(self, space: str, names: Sequence[bytes]) -> list[bytes | None]:
        """Return what stands under each name."""
        return list(self._link.hmget(_PREFIX + space, list(names))) if names else []

    def write(self, space: str, states: Mapping[bytes, bytes]) -> None:
        """Put many, whatever stood there before."""
        items = list(states.items())
        for first in range(0, len(items), _AT_ONCE):
            self._link.hset(_PREFIX + space, mapping=dict(items[first : first + _AT_ONCE]))

    def swap(self, space: str, name: bytes, old: bytes | None, new: bytes | None) -> bool:
        """Put `new` if `old` stands there, and tell whether it was so."""
        return bool(self._swap(keys=[_PREFIX + space], args=[name, old or b"", new or b""]))

    def walk(self, space: str) -> Iterator[tuple[bytes, bytes]]:
        """Yield all names of a space with what stands there."""
        yield from self._link.hscan_iter(_PREFIX + space, count=_AT_ONCE)

    def count(self, space: str) -> int:
        """Return how many names a space has."""
        return int(self._link.hlen(_PREFIX + space))

    def drop(self, space: str) -> None:
        """Remove a space with all in it, without holding up others."""
        self._link.unlink(_PREFIX + space)
