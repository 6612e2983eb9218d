"""The header of an encrypted file: who can open it, and the key that it was sealed with.

Format 2 (written): magic, a random core of 24 bytes, the name of the wrapping key, the wrapped
data key. The wrapped key is bound to the core, and so is each chunk: neither fits another file.
Nothing else of the header is bound to the chunks, so it can be written anew without them.
Format 1 (read): magic, the name of the key, 24 random bytes; the file's key is derived from both.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ml_core.errors import IntegrityError
from ml_core.security.keys import KEY_BYTES, Key, KeySource, Wrapped, changed_key, missing_key

if TYPE_CHECKING:
    from typing import Self

MAGIC_1 = b"ASSAY\x00\x00\x01"
MAGIC = b"ASSAY\x00\x00\x02"
SALT_BYTES = 16
PREFIX_BYTES = 8
CORE_BYTES = SALT_BYTES + PREFIX_BYTES
_CUT = (
    "An encrypted file must begin with a whole header. Got something else. "
    "Check that this is the right file, or restore it from a backup."
)


@dataclass(frozen=True, slots=True)
class Header:
    """How a file was sealed; `wrapped` is None in the first format, which derives the key."""

    key_id: str
    core: bytes
    wrapped: Wrapped | None

    @classmethod
    def fresh(cls, keys: KeySource) -> tuple[Self, bytes]:
        """Make the header of a new file, and the data key that it holds wrapped."""
        core, data_key = os.urandom(CORE_BYTES), os.urandom(KEY_BYTES)
        wrapped = keys.wrap(data_key, MAGIC + core)
        return cls(wrapped.key_id, core, wrapped), data_key

    @classmethod
    def read(cls, raw: BinaryIO) -> Self:
        """Read a header of either format, and stop behind it.

        Raises: IntegrityError: if the file does not begin with a whole one.
        """
        magic = raw.read(len(MAGIC))
        if magic == MAGIC_1:
            name = _sized(raw, "B")
            return cls(name.decode(errors="replace"), _exactly(raw, CORE_BYTES), None)
        if magic != MAGIC:
            raise IntegrityError(_CUT)
        core = _exactly(raw, CORE_BYTES)
        key_id = _sized(raw, "B").decode(errors="replace")
        return cls(key_id, core, Wrapped(key_id, _sized(raw, ">H")))

    @property
    def prefix(self) -> bytes:
        """First bytes of the nonce of each chunk."""
        return self.core[SALT_BYTES:]

    @property
    def bound(self) -> bytes:
        """What each chunk is authenticated with, beside its place."""
        return self.to_bytes() if self.wrapped is None else MAGIC + self.core

    def to_bytes(self) -> bytes:
        """Return the header as it is written."""
        name = self.key_id.encode()
        if self.wrapped is None:
            return MAGIC_1 + bytes([len(name)]) + name + self.core
        told = self.wrapped.data
        return MAGIC + self.core + bytes([len(name)]) + name + struct.pack(">H", len(told)) + told

    def data_key(self, keys: KeySource) -> bytes:
        """Return the key of the chunks.

        Raises: IntegrityError: if no source knows the key, or the header was changed.
        """
        if self.wrapped is None:
            return self._derived(keys)
        data_key = keys.unwrap(self.wrapped, MAGIC + self.core)
        if len(data_key) != KEY_BYTES:
            raise changed_key(self.key_id)
        return data_key

    def wrapped_anew(self, keys: KeySource) -> Self:
        """Return the same header with the data key wrapped by the current key."""
        wrapped = keys.wrap(self.data_key(keys), MAGIC + self.core)
        return type(self)(wrapped.key_id, self.core, wrapped)

    def _derived(self, keys: KeySource) -> bytes:
        secret = keys.secret(self.key_id)
        if secret is None:
            raise missing_key(self.key_id)
        salt = self.core[:SALT_BYTES]
        derive = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=b"assay file 1")
        return derive.derive(Key(self.key_id, secret).secret)


def _sized(raw: BinaryIO, form: str) -> bytes:
    length: int = struct.unpack(form, _exactly(raw, struct.calcsize(form)))[0]
    return _exactly(raw, length)


def _exactly(raw: BinaryIO, n_bytes: int) -> bytes:
    found = raw.read(n_bytes)
    if len(found) != n_bytes:
        raise IntegrityError(_CUT)
    return found
