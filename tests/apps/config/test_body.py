"""Bodies under ASGI: bounded, encrypted on the disk, and gone with their caller."""

from __future__ import annotations

import asyncio
import tempfile

import pytest
from django.core.exceptions import RequestAborted

from apps.config import body
from apps.config.body import BodyHandler, EncryptedSpool, limit_for


def read(pieces: list[bytes], limit: int, *, is_cut: bool = False):
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.disconnect"} if is_cut else {"type": "http.request"})
    waiting = iter(messages)

    async def receive():
        return next(waiting)

    return asyncio.run(BodyHandler().read_body(body._Receive(receive, limit)))


@pytest.fixture
def files(monkeypatch):
    """Return the temporary files that were made."""
    made = []
    make = tempfile.TemporaryFile

    def remember(**kwargs):
        made.append(make(**kwargs))
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", remember)
    return made


def test_a_short_body_stays_in_memory(files):
    stream = read([b"ab", b"cd"], 100)

    assert stream.read() == b"abcd"
    assert files == []


def test_a_long_body_is_encrypted_on_the_disk(files):
    content = b"secret words " * 200_000

    stream = read([content[:1_000_000], content[1_000_000:]], 10**8)

    files[0].seek(0)
    assert b"secret words" not in files[0].read()
    assert stream.read() == content
    stream.close()
    assert files[0].closed


def test_a_body_over_its_limit_is_not_kept(files):
    stream = read([b"x" * 2_000_000] * 3, 3_000_000)

    assert stream.read() == b""
    assert all(file.closed for file in files)


def test_a_body_that_the_disk_cannot_hold_is_not_kept(files, monkeypatch):
    monkeypatch.setattr(body, "FREE_BYTES", 2**62)

    stream = read([b"x" * 2_000_000] * 3, 10**8)

    assert (stream.read(), stream.n_bytes) == (b"", 6_000_000)
    assert all(file.closed for file in files)


def test_a_caller_who_goes_away_leaves_nothing(files):
    with pytest.raises(RequestAborted):
        read([b"x" * 2_000_000], 10**8, is_cut=True)

    assert all(file.closed for file in files)


def test_a_spool_gives_back_what_it_took():
    spool = EncryptedSpool()
    for n in range(50):
        spool.write(bytes([n]) * 100_000)

    stream = spool.finish()

    assert stream.read() == b"".join(bytes([n]) * 100_000 for n in range(50))


@pytest.mark.parametrize(
    ("path", "headers", "is_large"),
    [
        ("/datasets/upload/", [(b"cookie", b"x")], True),
        ("/api/v1/datasets/", [(b"Authorization", b"x")], True),
        ("/datasets/upload/", [], False),
        ("/accounts/login/", [(b"cookie", b"x")], False),
    ],
)
def test_only_callers_who_may_be_known_send_much_and_only_where_files_go(path, headers, is_large):
    found = limit_for({"path": path, "headers": headers})

    assert (found > body.SMALL_BYTES) == is_large
