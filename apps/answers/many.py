"""Many pictures at once: each is asked about by itself, so that one bad picture stops no other."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from django.db import close_old_connections

from apps.answers import services
from apps.answers.wire import ModelProcessError
from ml_core.data.archive import members_of, open_archive
from ml_core.data.media import ZipMedia
from ml_core.data.pictures import ENDINGS
from ml_core.errors import AssayError, BusyError, DataError, Issue

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator, Mapping, Sequence

    from apps.accounts.models import Team, User
    from apps.answers.models import Answer
    from apps.registry.models import ModelVersion

MOST_ASKED = 50
MOST_FILE_BYTES = 25 * 2**20
MOST_UNPACKED_BYTES = 256 * 2**20  # of all archives of a request together

Upload = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """One row to ask about, under the name that people know it by."""

    name: str
    row: Mapping[str, Any]
    files: Mapping[str, Upload]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one: an answer, or what is wrong with it."""

    name: str
    answer: Answer | None = None
    error: AssayError | None = None

    @property
    def is_over(self) -> bool:
        """Whether nobody answers, or none has room, so that the next would fare no better."""
        return isinstance(self.error, ModelProcessError | BusyError)

    @property
    def problem(self) -> str:
        """What is wrong, in words."""
        if isinstance(self.error, DataError):
            return " ".join(issue.message for issue in self.error.issues[:5])
        return str(self.error or "")


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who asks what, and what all rows have in common."""

    user: User
    team: Team
    solution: str
    thread: uuid.UUID
    settings: Mapping[str, Any]
    model: ModelVersion | None = None
    follows: Answer | None = None
    token: str = ""


def unpacked(uploads: Sequence[Upload]) -> list[Upload]:
    """Return the pictures, those inside of ZIP archives too.

    Raises: DataError: if an archive is bad or holds none, or if they are too many to wait for
        or too large.
    """
    found: list[Upload] = []
    room = MOST_UNPACKED_BYTES
    for name, data in uploads:
        if name.lower().endswith(".zip"):
            members = _members(name, data, room)
            room -= sum(len(member) for _, member in members)
            found += members
        else:
            _require_small(name, len(data))
            found.append((name, data))
        _require_few(len(found))
    return found


def _members(archive_name: str, data: bytes, room: int) -> list[Upload]:
    with open_archive(io.BytesIO(data)) as archive:
        names = [name for name in members_of(archive) if name.lower().endswith(ENDINGS)]
        if not names:
            message = (
                f"An archive must hold pictures. {archive_name[:120]!r} holds none. Choose another."
            )
            raise DataError(Issue("no_picture", message))
        _require_few(len(names))
        sizes = [archive.getinfo(name).file_size for name in names]  # one may be named twice
        for name, size in zip(names, sizes, strict=True):
            _require_small(name, size)
        _require_room(sum(sizes), room)
        media = ZipMedia(archive)
        return [(PurePosixPath(name).name, media.read(name)) for name in names]


def _require_small(name: str, size: int) -> None:
    if size > MOST_FILE_BYTES:
        message = (
            f"A file must be at most {MOST_FILE_BYTES // 2**20} MiB. "
            f"{name[-120:]!r} has {size / 2**20:.1f} MiB. Make it smaller."
        )
        raise DataError(Issue("file_too_large", message))


def _require_room(size: int, room: int) -> None:
    if size > room:
        got = (MOST_UNPACKED_BYTES - room + size) / 2**20
        message = (
            f"Archives must be at most {MOST_UNPACKED_BYTES // 2**20} MiB unpacked together. "
            f"Got {got:.1f} MiB or more. Upload them as a dataset and score that."
        )
        raise DataError(Issue("archive_too_large", message))


def _require_few(n: int) -> None:
    if n > MOST_ASKED:
        message = (
            f"Pictures asked about at once must be at most {MOST_ASKED}. Got {n:,} or more. "
            "Upload them as a dataset and score that."
        )
        raise DataError(Issue("too_many", message))


def ask_each(asked: Sequence[Asked], said: Conversation) -> Iterator[Outcome]:
    """Yield what came of each, in order; what was answered stays, whatever comes later."""
    gone: AssayError | None = None
    for number, one in enumerate(asked):
        if gone is not None:  # each further one would wait for nobody just as long
            yield Outcome(one.name, error=gone)
            continue
        outcome = _ask(one, said, number)
        if outcome.is_over:
            gone = outcome.error
        if outcome.answer is not None:  # sent again, the rest joins what was answered before
            said = replace(said, thread=outcome.answer.thread)
        # Each piece of a stream may run in another thread, whose connection nobody else closes.
        close_old_connections()
        yield outcome


def _ask(one: Asked, said: Conversation, number: int) -> Outcome:
    try:
        answer = services.ask(
            user=said.user, team=said.team, solution=said.solution, row=one.row, files=one.files,
            settings=said.settings, model=said.model, follows=said.follows, thread=said.thread,
            token=token_for(said.token, number), is_bulk=True,
        )  # fmt: skip
    except AssayError as error:
        return Outcome(one.name, error=error)
    return Outcome(one.name, answer=answer)


def token_for(token: str, number: int) -> str:
    """Return a key for one of many; the first has that of the whole."""
    if not token or number == 0:
        return token
    return hashlib.sha256(f"{token}/{number}".encode()).hexdigest()
