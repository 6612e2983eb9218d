"""Encrypted streams: AES-256-GCM by chunk, written once, read at any place.

Layout: header, then chunks. A chunk is up to 64 KiB of plain text and its 16-byte tag; only
the last may be shorter. Each file has its own key, derived from the named key and a random
salt, so no nonce can meet another file's. The nonce of a chunk is a random prefix and the
chunk's number. The header, the number and "is last" are authenticated with each chunk: a bit
flipped, a chunk moved, swapped with another file's, repeated, or a tail cut off all fail.

Source: the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizar, "Online
authenticated-encryption and its nonce-reuse misuse-resistance" (CRYPTO 2015, section 6), with
number and flag in the associated data instead of in the nonce.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ml_core.errors import ConfigError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Buffer

MAGIC = b"ASSAY\x00\x00\x01"
CHUNK = 64 * 1024
TAG = 16
KEY_BYTES = 32
SALT_BYTES = 16
PREFIX_BYTES = 8
SEALED = CHUNK + TAG


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
        if not 0 < len(self.id.encode()) < 256:
            message = "The id of a key must be 1 to 255 bytes. Got another length. Shorten it."
            raise ConfigError(message)

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"


class _Sealer:
    """Seal and open the chunks of one file."""

    def __init__(self, header: bytes, secret: bytes) -> None:
        salt = header[-SALT_BYTES - PREFIX_BYTES : -PREFIX_BYTES]
        derive = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=b"assay file 1")
        self._gcm = AESGCM(derive.derive(secret))
        self._prefix = header[-PREFIX_BYTES:]
        self._header = header

    def seal(self, index: int, plain: bytes, *, last: bool) -> bytes:
        return self._gcm.encrypt(self._nonce(index), plain, self._bound(index, last=last))

    def open(self, index: int, sealed: bytes, *, last: bool) -> bytes:
        try:
            return self._gcm.decrypt(self._nonce(index), sealed, self._bound(index, last=last))
        except InvalidTag as error:
            message = (
                f"Chunk {index} of an encrypted file must be as it was written. Got changed, "
                "moved or missing bytes. Restore the file from a backup."
            )
            raise IntegrityError(message) from error

    def _nonce(self, index: int) -> bytes:
        return self._prefix + struct.pack(">I", index)

    def _bound(self, index: int, *, last: bool) -> bytes:
        return self._header + struct.pack(">I?", index, last)


class EncryptingWriter(io.RawIOBase):
    """Encrypt what is written into `raw`, which stays open for its owner to sync and close.

    Only `close` (or leaving the `with` block without an error) writes the last chunk. A file
    left in any other way has none, and is refused when it is read.
    """

    def __init__(self, raw: BinaryIO, key: Key) -> None:
        super().__init__()
        name = key.id.encode()
        header = MAGIC + bytes([len(name)]) + name + os.urandom(SALT_BYTES + PREFIX_BYTES)
        self._raw = raw
        self._sealer = _Sealer(header, key.secret)
        self._pending = bytearray()
        self._index = 0
        raw.write(header)

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Take all of `data`; a full chunk goes out once it is known not to be the last."""
        if self.closed:
            message = "write to closed file"
            raise ValueError(message)
        view = memoryview(data).cast("B")
        start = 0
        while len(self._pending) + len(view) - start > CHUNK:
            stop = start + CHUNK - len(self._pending)
            self._pending += view[start:stop]
            self._emit(last=False)
            start = stop
        self._pending += view[start:]
        return len(view)

    def close(self) -> None:
        """Write the last chunk."""
        if not self.closed:
            self._emit(last=True)
            self._raw.flush()
            super().close()

    def abort(self) -> None:
        """Give up: the file stays without its last chunk, so nobody can take it for whole."""
        self._pending.clear()
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
        # The inherited finaliser would close, and so bless a file that was left half-written.
        if not self.closed:
            self.abort()

    def _emit(self, *, last: bool) -> None:
        self._raw.write(self._sealer.seal(self._index, bytes(self._pending), last=last))
        self._pending.clear()
        self._index += 1


class DecryptingReader(io.RawIOBase):
    """Read an encrypted file at any place, so that Parquet is read through it.

    The last chunk is opened first: a file cut short is refused before its first byte is used.
    Owns `raw` and closes it. Wrap it in `io.BufferedReader` for many small reads.

    Raises: IntegrityError: if the file is not whole, or its key is not among `keys`.
    """

    def __init__(self, raw: BinaryIO, keys: Mapping[str, bytes]) -> None:
        super().__init__()
        self._raw = raw
        raw.seek(0)
        header, self.key_id = _read_header(raw)
        self._sealer = _Sealer(header, _pick(keys, self.key_id))
        self._body = len(header)
        self._held: tuple[int, bytes] = (-1, b"")
        self._position = 0
        self._n_chunks, self._size = self._measure()
        self._chunk(self._n_chunks - 1)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Return the place in the plain text."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place in the plain text; past the end is allowed and reads nothing."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            message = f"A place in a file must be 0 or more. Got {base + offset}. Seek from 0."
            raise ValueError(message)
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill `buffer` as far as the file goes."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._position < self._size:
            index, within = divmod(self._position, CHUNK)
            piece = self._chunk(index)[within : within + len(view) - done]
            view[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return done

    def close(self) -> None:
        """Close the file beneath, too."""
        if not self.closed:
            self._raw.close()
        super().close()

    def _measure(self) -> tuple[int, int]:
        body = self._raw.seek(0, io.SEEK_END) - self._body
        n_chunks = -(-body // SEALED)
        size = body - n_chunks * TAG
        if n_chunks == 0 or body - (n_chunks - 1) * SEALED < TAG:
            message = (
                "An encrypted file must end with a whole chunk. Got a file cut short. "
                "Restore it from a backup."
            )
            raise IntegrityError(message)
        return n_chunks, size

    def _chunk(self, index: int) -> bytes:
        if self._held[0] != index:
            self._raw.seek(self._body + index * SEALED)
            sealed = self._raw.read(SEALED)
            plain = self._sealer.open(index, sealed, last=index == self._n_chunks - 1)
            self._held = (index, plain)
        return self._held[1]


def _read_header(raw: BinaryIO) -> tuple[bytes, str]:
    start = raw.read(len(MAGIC) + 1)
    rest = raw.read(start[-1] + SALT_BYTES + PREFIX_BYTES) if start[:-1] == MAGIC else b""
    if not rest or len(rest) != start[-1] + SALT_BYTES + PREFIX_BYTES:
        message = (
            "An encrypted file must begin with a whole header. Got something else. "
            "Check that this is the right file, or restore it from a backup."
        )
        raise IntegrityError(message)
    return start + rest, rest[: start[-1]].decode(errors="replace")


def _pick(keys: Mapping[str, bytes], key_id: str) -> bytes:
    if key_id not in keys:
        message = (
            f"The key of an encrypted file must be at hand. Got a file of key {key_id!r}. "
            "Put that key back into the settings."
        )
        raise IntegrityError(message)
    return Key(key_id, keys[key_id]).secret
