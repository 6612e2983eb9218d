"""Keys that wrap the key of each file, and the protocol of whoever keeps them.

Each file is sealed with a random key of its own (the data key), which lies in the file's header,
wrapped by a named key. So a named key is replaced by wrapping anew some bytes of each file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ml_core.errors import ConfigError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY_BYTES = 32
NONCE_BYTES = 12
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key as it lies in a header: who can unwrap it, and the bytes for him."""

    key_id: str
    data: bytes


@runtime_checkable
class KeySource(Protocol):
    """Whoever wraps and unwraps data keys: keys at hand, or a service that never shows its own.

    `bound` is what a wrapped key belongs to; unwrapping with other bytes must fail.
    """

    @property
    def current(self) -> str:
        """Return the id of the key that wraps now."""
        ...

    def knows(self, key_id: str) -> bool:
        """Tell whether data keys wrapped by this key can be unwrapped."""
        ...

    def wrap(self, data_key: bytes, bound: bytes) -> Wrapped:
        """Wrap a data key by the current key."""
        ...

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """Return a data key. Raises: IntegrityError: if it is not as it was wrapped."""
        ...

    def secret(self, key_id: str) -> bytes | None:
        """Return a key itself, for files of the first format; None where it is never shown."""
        ...


@dataclass(frozen=True, slots=True)
class Key:
    """A named 256-bit key; the name is written into each file, the key never."""

    id: str
    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            message = (
                f"An encryption key must be {KEY_BYTES} bytes. Got {len(self.secret)} bytes. "
                "Make one with os.urandom(32)."
            )
            raise ConfigError(message)
        if not 0 < len(self.id.encode()) <= _LONGEST_NAME:
            message = "The id of a key must be 1 to 255 bytes. Got another length. Shorten it."
            raise ConfigError(message)

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"

    @classmethod
    def fresh(cls) -> Key:
        """Make a new random key, named after itself."""
        return cls.named(os.urandom(KEY_BYTES))

    @classmethod
    def named(cls, secret: bytes) -> Key:
        """Name a key by a hash of it, so that the same key has the same name everywhere."""
        return cls("k" + hashlib.sha256(b"assay key id" + secret).hexdigest()[:12], secret)

    @classmethod
    def of(cls, encoded: str, where: str) -> Key:
        """Read a key from base64. Raises: ConfigError: if it is none; `where` says which."""
        try:
            secret = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if len(secret) != KEY_BYTES:
            message = (
                f"{where} must be {KEY_BYTES} bytes in base64. Got {len(secret)} bytes. "
                "Start once with `make run`, or restore the file with your secrets."
            )
            raise ConfigError(message)
        return cls.named(secret)

    @property
    def encoded(self) -> str:
        """The key in base64, as settings and files hold it."""
        return base64.b64encode(self.secret).decode()


class LocalKeys:
    """Keys at hand; the first is the current one, the others only read."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(dict.fromkeys(keys))
        self._by_id = {key.id: key for key in self.keys}

    @classmethod
    def of(cls, keys: Mapping[str, bytes]) -> LocalKeys:
        """Take keys by name."""
        return cls([Key(name, secret) for name, secret in keys.items()])

    @property
    def current(self) -> str:
        """Id of the first key."""
        return self._first().id

    def knows(self, key_id: str) -> bool:
        """Tell whether the key is at hand."""
        return key_id in self._by_id

    def wrap(self, data_key: bytes, bound: bytes) -> Wrapped:
        """Wrap by AES-256-GCM under a random nonce; the key's own name is authenticated too."""
        key, nonce = self._first(), os.urandom(NONCE_BYTES)
        sealed = AESGCM(key.secret).encrypt(nonce, data_key, bound + key.id.encode())
        return Wrapped(key.id, nonce + sealed)

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """Return the data key."""
        if not self.knows(wrapped.key_id):
            raise missing_key(wrapped.key_id)
        key, nonce = self._by_id[wrapped.key_id], wrapped.data[:NONCE_BYTES]
        if len(wrapped.data) <= NONCE_BYTES:
            raise changed_key(wrapped.key_id)
        try:
            return AESGCM(key.secret).decrypt(
                nonce, wrapped.data[NONCE_BYTES:], bound + key.id.encode()
            )
        except InvalidTag as error:
            raise changed_key(wrapped.key_id) from error

    def secret(self, key_id: str) -> bytes | None:
        """Return a key itself."""
        return self._by_id[key_id].secret if self.knows(key_id) else None

    def _first(self) -> Key:
        if not self.keys:
            message = (
                "There must be a key to encrypt with. Got none. Set ASSAY_ENCRYPTION_KEY to 32 "
                "random bytes in base64, or start with `make run`, which makes one."
            )
            raise ConfigError(message)
        return self.keys[0]


class Chain:
    """Several sources: the first wraps, and each unwraps what it knows."""

    def __init__(self, sources: Sequence[KeySource]) -> None:
        self.sources = tuple(sources)

    @property
    def current(self) -> str:
        """Id of the first source's key."""
        return self.sources[0].current

    def knows(self, key_id: str) -> bool:
        """Tell whether any source knows a key."""
        return any(source.knows(key_id) for source in self.sources)

    def wrap(self, data_key: bytes, bound: bytes) -> Wrapped:
        """Wrap by the first source."""
        return self.sources[0].wrap(data_key, bound)

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """Unwrap by whoever knows the key."""
        for source in self.sources:
            if source.knows(wrapped.key_id):
                return source.unwrap(wrapped, bound)
        raise missing_key(wrapped.key_id)

    def secret(self, key_id: str) -> bytes | None:
        """Return a key itself, if one of the sources shows it."""
        shown = (source.secret(key_id) for source in self.sources)
        return next((secret for secret in shown if secret is not None), None)


def missing_key(key_id: str) -> IntegrityError:
    """Say that a file's key is not at hand."""
    return IntegrityError(
        f"The key of an encrypted file must be at hand. Got a file of key {key_id!r}. "
        "Put that key back into the settings."
    )


def changed_key(key_id: str) -> IntegrityError:
    """Say that a wrapped key does not open."""
    return IntegrityError(
        f"The wrapped key in the header of an encrypted file must open with the key {key_id!r}. "
        "Got changed bytes, the header of another file, or another key of that name. "
        "Restore the file from a backup, or the key."
    )
