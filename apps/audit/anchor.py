"""The head of the chain, signed and kept beside the database.

A chain of hashes alone does not show that its tail was cut off, nor that all of it was computed
anew. Whoever can write to the database, but has not the key of this installation, cannot move
the anchor.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from apps.accounts import keyring
from ml_core.errors import AssayError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PURPOSE = b"assay audit anchor 1"


class AnchorError(AssayError):
    """The anchor is not as this installation wrote it."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest event that is known to have been recorded."""

    sequence: int
    hash: str


def read() -> Anchor | None:
    """Return the anchor, None where there is none.

    Raises: AnchorError: if it was not signed by this installation.
    """
    try:
        found = json.loads(_file().read_text("utf-8"))
        anchor = Anchor(int(found["sequence"]), str(found["hash"]))
        signature = str(found["signature"])
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, OSError):
        return None  # as good as none: a power cut may leave half a file
    if signed_by(anchor, signature) is None:
        raise AnchorError(
            "the anchor beside the database is not signed by this installation: "
            "it was changed, or the key was"
        )
    return anchor


def advance(anchor: Anchor) -> None:
    """Move the anchor forward to an event that was committed; never back."""
    with _turn():
        try:
            known = read()
        except AnchorError:
            return  # it is evidence: whoever verifies shall see it
        if known is None or known.sequence < anchor.sequence:
            _write(anchor)


def put(anchor: Anchor) -> None:
    """Put the anchor to an event, wherever it was before."""
    with _turn():
        _write(anchor)


def sign_anew() -> None:
    """Sign the anchor with the current key; one that nobody here signed stays as it is."""
    with _turn():
        try:
            known = read()
        except AnchorError:
            return
        if known is not None:
            _write(known)


def key_in_use() -> str | None:
    """Return the id of the key that the anchor is signed with, None if there is none."""
    try:
        found = json.loads(_file().read_text("utf-8"))
        anchor = Anchor(int(found["sequence"]), str(found["hash"]))
        return signed_by(anchor, str(found["signature"]))
    except (ValueError, TypeError, KeyError, OSError):
        return None


def signed_by(anchor: Anchor, signature: str) -> str | None:
    """Return the id of the key of this installation that made a signature, None if none did."""
    for key_id, key in keyring.for_purpose(_PURPOSE).items():
        if hmac.compare_digest(signature, _sign(anchor, key)):
            return key_id
    return None


def _write(anchor: Anchor) -> None:
    key = next(iter(keyring.for_purpose(_PURPOSE).values()))
    said = {"sequence": anchor.sequence, "hash": anchor.hash, "signature": _sign(anchor, key)}
    handle, name = tempfile.mkstemp(dir=_file().parent, prefix="head-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(said, file)
        Path(name).replace(_file())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _turn() -> Iterator[None]:
    folder = _file().parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "head.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _file() -> Path:
    return Path(settings.ASSAY_DATA_DIR) / "audit" / "head.json"


def _sign(anchor: Anchor, key: bytes) -> str:
    return hmac.new(key, f"{anchor.sequence}\n{anchor.hash}".encode(), hashlib.sha256).hexdigest()
