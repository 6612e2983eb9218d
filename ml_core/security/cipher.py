"""Encrypted streams: AES-256-GCM by chunk, written once, read at any place.

Layout: header (`envelope`), then chunks. A chunk is up to 64 KiB of plain text and its 16-byte
tag; only the last may be shorter. Each file has a random key of its own, which its header holds
wrapped by a named key, so no nonce can meet another file's. The nonce of a chunk is a random
prefix and the chunk's number. The random core of the header, the number and "is last" are
authenticated with each chunk: a bit flipped, a chunk moved, swapped with another file's,
repeated, or a tail cut off all fail.

Source: the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizar, "Online
authenticated-encryption and its nonce-reuse misuse-resistance" (CRYPTO 2015, section 6), with
number and flag in the associated data instead of in the nonce.
"""

from __future__ import annotations

import io
import shutil
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ml_core.errors import IntegrityError
from ml_core.security.envelope import Header
from ml_core.security.keys import KEY_BYTES, Key, KeySource, LocalKeys

if TYPE_CHECKING:
    from types import TracebackType
    from typing import IO

    from typing_extensions import Buffer

__all__ = ["CHUNK", "KEY_BYTES", "SEALED", "DecryptingReader", "EncryptingWriter", "Key", "renew"]

CHUNK = 64 * 1024
TAG = 16
SEALED = CHUNK + TAG
COPY_BYTES = 1 << 20
WHAT = "an encrypted file"


class _Sealer:
    """Seal and open the chunks of one file; `what` names it where one does not open."""

    def __init__(self, header: Header, data_key: bytes, what: str) -> None:
        self._gcm = AESGCM(data_key)
        self._prefix, self._header = header.prefix, header.bound
        self._what = what

    def seal(self, index: int, plain: bytes, *, last: bool) -> bytes:
        return self._gcm.encrypt(self._nonce(index), plain, self._bound(index, last=last))

    def open(self, index: int, sealed: bytes, *, last: bool) -> bytes:
        try:
            return self._gcm.decrypt(self._nonce(index), sealed, self._bound(index, last=last))
        except InvalidTag as error:
            message = (
                f"Each part of {self._what} must be as it was written. Got changed, moved or "
                f"missing bytes in part {index + 1}. Restore the file from a backup."
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

    def __init__(self, raw: BinaryIO, key: Key | KeySource) -> None:
        super().__init__()
        self._pending, self._index = bytearray(), 0
        header, data_key = Header.fresh(LocalKeys([key]) if isinstance(key, Key) else key)
        self._raw = raw
        self._sealer = _Sealer(header, data_key, WHAT)
        raw.write(header.to_bytes())
        raw.flush()  # who counts the files of a key must see this one from its beginning

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
    Owns `raw` and closes it. Wrap it in `io.BufferedReader` for many small reads. `what` names
    the file for people, where it is not whole.

    Raises: IntegrityError: if the file is not whole, or its key is not among `keys`.
    """

    def __init__(
        self, raw: BinaryIO, keys: Mapping[str, bytes] | KeySource, what: str = WHAT
    ) -> None:
        super().__init__()
        self._raw, self._what = raw, what
        raw.seek(0)
        header = Header.read(raw)
        source = LocalKeys.of(keys) if isinstance(keys, Mapping) else keys
        self.key_id, self._body = header.key_id, raw.tell()
        self._sealer = _Sealer(header, header.data_key(source), what)
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
                f"The end of {self._what} must be a whole part. Got a file cut short. "
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


def renew(source: BinaryIO, target: BinaryIO, keys: KeySource, *, fresh: bool = False) -> None:
    """Write a file anew under the current key, and close `source`.

    The data key is wrapped anew and the chunks are copied as they are; with `fresh`, and for a
    file of the first format, all is decrypted and encrypted with a new data key.

    Raises: IntegrityError: if the file is not whole, as far as it is looked at.
    """
    # The reader opens the last chunk, and so proves that key and file belong together.
    with DecryptingReader(source, keys) as reader:
        source.seek(0)
        header = Header.read(source)
        if fresh or header.wrapped is None:
            with EncryptingWriter(target, keys) as writer:
                shutil.copyfileobj(reader, cast("IO[bytes]", writer), COPY_BYTES)
            return
        target.write(header.wrapped_anew(keys).to_bytes())
        target.flush()
        shutil.copyfileobj(source, target, COPY_BYTES)
