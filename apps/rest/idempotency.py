"""One effect for a request that is sent more than once under one `Idempotency-Key`.

A refused or failed request has done nothing, so only answers of success are kept; whatever
else came may be tried again under the same key, and so may a request whose process died, or one
that was answered in part (`UnfinishedResponse`).
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse
from django.utils import timezone
from rest_framework import exceptions, status
from rest_framework.response import Response

from apps.rest.models import KeptAnswer

if TYPE_CHECKING:
    from datetime import datetime

    from django.core.files.uploadedfile import UploadedFile
    from rest_framework.request import Request

    from apps.accounts.models import User

HEADER = "Idempotency-Key"
REPLAY_HEADER = "Idempotent-Replay"
KEPT_HEADERS = ("Content-Type", "Location")
SWEEP_EVERY_S = 600
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_PIECE = 2**20


class ReusedKeyError(exceptions.APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency-key-reused"
    default_detail = (
        f"An {HEADER} must stand for one request. This one was sent before with other content. "
        "Send another key, or the request as it was."
    )


class InFlightError(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency-key-in-flight"
    default_detail = (
        f"A request must be finished before its {HEADER} is answered again. "
        "This one is still being worked on. Send it again in a moment."
    )
    wait = 1


class UnfinishedResponse(Response):
    """An answer of success that lacks what a moment later may be there: no key keeps it.

    The view itself must see to it that what was done is not done twice.
    """


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do the work of a request, and to keep its answer."""

    name: str
    ticket: uuid.UUID


def key_of(request: Request) -> str:
    """Return the key that a request names, or nothing.

    Raises: ValidationError: if it cannot be one.
    """
    key: str = request.headers.get(HEADER, "").strip()
    if key and not _KEY.fullmatch(key):
        message = f"{HEADER} must be 1 to 255 visible ASCII characters. Send another, as a UUID."
        raise exceptions.ValidationError({HEADER: message})
    return key


def digest_of(request: Request) -> str:
    """Return what tells a request from another: its address and content, however it was packed.

    Two forms with the same fields and files are the same, whatever their boundaries are.
    """
    files = {
        field: [[file.name, _digest_of_file(file)] for file in request.FILES.getlist(field)]
        for field in sorted(request.FILES)
    }
    data: Any = request.data
    if hasattr(data, "lists"):
        data = {name: values for name, values in data.lists() if name not in files}
    content = json.dumps([data, files], sort_keys=True, separators=(",", ":"))
    address = f"{request.method} {request.get_full_path()}\n"
    return hashlib.sha256((address + content).encode()).hexdigest()


def _digest_of_file(file: UploadedFile[Any]) -> str:
    if stored := getattr(file, "blob", None):
        return str(stored.sha256)  # measured on its way into storage
    digest = hashlib.sha256()
    file.seek(0)
    for piece in file.chunks(_PIECE):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


def claim(user: User, key: str, request: str) -> Claim | KeptAnswer:
    """Return the right to do the work, or the answer that was given before.

    Raises: ReusedKeyError: if the key stands for another request. InFlightError: if the same
        one is being worked on.
    """
    now = timezone.now()
    sweep(now)
    name = hashlib.sha256(f"{user.pk}:{user.key_team_id}:{key}".encode()).hexdigest()
    fresh = _fresh(request, now)
    row, is_new = KeptAnswer.objects.get_or_create(name=name, defaults={"user": user, **fresh})
    if is_new:
        return Claim(name, fresh["ticket"])
    is_dead = row.held_until < now if row.status is None else row.expires_at < now
    if is_dead:
        # One of many wins: the others find another ticket in the row.
        mine = KeptAnswer.objects.filter(name=name, ticket=row.ticket, status=row.status)
        if mine.update(status=None, headers={}, body=b"", **fresh):
            return Claim(name, fresh["ticket"])
        raise InFlightError
    if row.request != request:
        raise ReusedKeyError
    if row.status is None:
        raise InFlightError
    return row


def _fresh(request: str, now: datetime) -> dict[str, Any]:
    return {
        "request": request,
        "ticket": uuid.uuid4(),
        "held_until": now + timedelta(seconds=settings.ASSAY_IDEMPOTENCY_LEASE_S),
        "expires_at": now + timedelta(seconds=settings.ASSAY_IDEMPOTENCY_KEEP_S),
    }


def keep(claim: Claim, answer: HttpResponse) -> None:
    """Keep an answer for those who send the request again."""
    headers = {name: answer[name] for name in KEPT_HEADERS if name in answer}
    _held(claim).update(status=answer.status_code, headers=headers, body=answer.content)


def give_up(claim: Claim) -> None:
    """Let the request be tried again: it has done nothing, or not all."""
    _held(claim).delete()


def _held(claim: Claim) -> Any:
    return KeptAnswer.objects.filter(name=claim.name, ticket=claim.ticket, status=None)


def again(kept: KeptAnswer) -> HttpResponse:
    """Return an answer as it was given before, and say that it was."""
    answer = HttpResponse(bytes(kept.body), status=kept.status, headers=kept.headers)
    answer[REPLAY_HEADER] = "true"
    return answer


def sweep(now: datetime | None = None) -> int:
    """Forget answers that have run out, every few minutes; returns how many."""
    if not cache.add("rest.sweep", "done", SWEEP_EVERY_S):
        return 0
    gone, _ = KeptAnswer.objects.filter(expires_at__lt=now or timezone.now()).delete()
    return gone
