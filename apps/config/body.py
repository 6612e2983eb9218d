"""Take the bodies of requests under ASGI: bounded, and encrypted where they touch the disk.

Django reads a whole body before it calls a view, and puts a large one into a plain temporary
file. Ours is encrypted with a key that only this process knows, and bounded by what the
address and the caller may need.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler

from ml_core.security.cipher import DecryptingReader, EncryptingWriter, Key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from django.core.handlers.asgi import ASGIRequest
    from django.http.response import HttpResponseBase

MEMORY_BYTES = 1024 * 1024
SMALL_BYTES = 4 * 1024 * 1024
FORM_BYTES = 2 * 1024 * 1024  # what the fields and the boundaries around a file may take
BUFFER = 256 * 1024
CHECK_BYTES = 64 * 1024 * 1024  # how often the disk is asked for room
FREE_BYTES = 512 * 1024 * 1024  # what strangers must leave of it: a body comes before any login
TAKES_FILES = ("/datasets/", "/api/v1/datasets/")
TAKES_A_FILE = re.compile(r"(/api/v1)?/solutions/[a-z0-9_]+/(ask|answers)/")
FILE_BYTES = 30 * 1024 * 1024
_KEY = Key("body", os.urandom(32))


class EncryptedSpool:
    """Bytes that are kept in memory while they are few, and encrypted on the disk when many."""

    def __init__(self) -> None:
        self._memory = io.BytesIO()
        self._file: BinaryIO | None = None
        self._cipher: EncryptingWriter | None = None
        self._n_bytes = self._next_check = 0

    def write(self, data: bytes) -> None:
        """Take some bytes."""
        if self._cipher is None and self._memory.tell() + len(data) > MEMORY_BYTES:
            made: Any = tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115
            self._file = made
            self._cipher = EncryptingWriter(self._file, _KEY)
            self._cipher.write(self._memory.getbuffer())
            self._memory = io.BytesIO()
        (self._cipher or self._memory).write(data)
        self._n_bytes += len(data)

    def has_room(self) -> bool:
        """Tell whether the disk can take more; asked of it now and then."""
        if self._file is None or self._n_bytes < self._next_check:
            return True
        self._next_check = self._n_bytes + CHECK_BYTES
        return shutil.disk_usage(settings.FILE_UPLOAD_TEMP_DIR).free > FREE_BYTES

    def finish(self) -> BinaryIO:
        """Return all of it as a stream from its beginning, which its user closes."""
        if self._cipher is None or self._file is None:
            self._memory.seek(0)
            return self._memory
        self._cipher.close()
        return io.BufferedReader(DecryptingReader(self._file, {_KEY.id: _KEY.secret}), BUFFER)

    def discard(self) -> None:
        """Leave nothing."""
        if self._cipher is not None and self._file is not None:
            self._cipher.abort()
            self._file.close()


class _TooMuch(io.BytesIO):
    """Stands for a body that was longer than allowed, and of which nothing was kept."""

    n_bytes = 0


@dataclass
class _Receive:
    """The messages of a request, and how long its body may be."""

    receive: Callable[[], Awaitable[Mapping[str, Any]]]
    limit: int

    async def __call__(self) -> Mapping[str, Any]:
        return await self.receive()


def limit_for(scope: Mapping[str, Any]) -> int:
    """Return how long a body may be: a file at an address for files, from who may be known."""
    names = {name.lower() for name, _ in scope.get("headers", [])}
    may_be_known = bool(names & {b"cookie", b"authorization"})
    if may_be_known and str(scope.get("path", "")).startswith(TAKES_FILES):
        return int(settings.ASSAY_MAX_UPLOAD_BYTES) + FORM_BYTES
    if may_be_known and TAKES_A_FILE.fullmatch(str(scope.get("path", ""))):
        return FILE_BYTES
    return SMALL_BYTES


class BodyHandler(ASGIHandler):
    """Django's handler, with bodies as this module says."""

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await super().handle(scope, _Receive(receive, limit_for(scope)), send)

    async def read_body(self, receive: _Receive) -> BinaryIO:  # type: ignore[override]
        """Keep the body, or nothing of one that is too long or that the disk cannot hold.

        That one is read to its end all the same, so that the caller hears why.

        Raises: RequestAborted: if the caller went away.
        """
        spool, n_bytes, is_kept = EncryptedSpool(), 0, True
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                spool.discard()
                raise RequestAborted
            piece = message.get("body", b"")
            n_bytes += len(piece)
            if is_kept and n_bytes <= receive.limit and spool.has_room():
                spool.write(piece)
            elif is_kept:
                is_kept = False
                spool.discard()
            if not message.get("more_body", False):
                break
        if is_kept:
            return spool.finish()
        refused = _TooMuch()
        refused.n_bytes = n_bytes
        return refused

    def create_request(
        self, scope: Any, body_file: Any
    ) -> tuple[ASGIRequest, None] | tuple[None, HttpResponseBase]:
        """Let a view see how long a refused body was: whoever reads it answers 413."""
        if isinstance(body_file, _TooMuch):
            others = [pair for pair in scope["headers"] if pair[0].lower() != b"content-length"]
            length = (b"content-length", str(body_file.n_bytes).encode())
            scope = {**scope, "headers": [*others, length]}
        return super().create_request(scope, body_file)
