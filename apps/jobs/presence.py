"""Signs of life of workers and the beat, as rows: they need no broker that can ask around."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psutil
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from apps.jobs.models import Process
from apps.jobs.names import worker_name

if TYPE_CHECKING:
    from collections.abc import Iterable

FORGET_AFTER = timedelta(days=1)
_log = structlog.get_logger("assay.jobs")


@dataclass(frozen=True, slots=True)
class _Self:
    """This process, if it is one that tells of itself; a fork of it does not."""

    kind: str
    queues: tuple[str, ...]
    pid: int = field(default_factory=os.getpid)
    started_at: datetime = field(default_factory=timezone.now)


_self: _Self | None = None


def begin(kind: str, queues: Iterable[str]) -> None:
    """Let this process tell of itself from now on."""
    global _self  # noqa: PLW0603  what a process is, it is once
    _self = _Self(kind, tuple(sorted(queues)))


def tell() -> None:
    """Write that this process lives, what it serves, and how its pool is called."""
    if _self is None or _self.pid != os.getpid():
        return
    me = psutil.Process()
    pool = [me.pid, *(child.pid for child in me.children())]
    now = timezone.now()
    _, is_new = Process.objects.update_or_create(
        name=worker_name(_self.pid),
        defaults={
            "kind": _self.kind,
            "queues": list(_self.queues),
            "pool": [worker_name(pid) for pid in pool],
            "version": settings.ASSAY_VERSION,
            "memory_mb": round(me.memory_info().rss / 2**20, 1),
            "started_at": _self.started_at,
            "seen_at": now,
        },
    )
    if is_new:
        Process.objects.filter(seen_at__lt=now - FORGET_AFTER).delete()


def leave() -> None:
    """Take the row along at a planned stop."""
    global _self
    if _self is None or _self.pid != os.getpid():
        return
    name, _self = worker_name(_self.pid), None
    try:
        Process.objects.filter(name=name).delete()
    except DatabaseError as error:
        _log.warning("a stopped process is still listed", error=str(error))
    finally:
        connection.close()
