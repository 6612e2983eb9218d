"""What worker and beat processes do besides their tasks: reap, and die with their parent."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import structlog
from celery.signals import (
    beat_init,
    celeryd_after_setup,
    worker_process_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from django.db import DatabaseError
from django.db.models import F

from apps.jobs import presence
from apps.jobs.deafness import Hearing
from apps.jobs.models import Job, State
from apps.jobs.names import worker_name
from apps.jobs.reaper import keep_reaping, reap_once

if TYPE_CHECKING:
    from collections.abc import Iterable

_log = structlog.get_logger("assay.jobs")
_stop = threading.Event()


@beat_init.connect
def start_reaper_in_beat(**_: Any) -> None:
    """Reap from the process that always runs, even while no worker does."""
    presence.begin("beat", ())
    _start("reaper", keep_reaping, _stop)


@celeryd_after_setup.connect
def know_queues(instance: Any, **_: Any) -> None:
    """Remember which queues were asked for, to tell them with each sign of life."""
    presence.begin("worker", instance.app.amqp.queues.consume_from)


@worker_shutdown.connect
def leave(**_: Any) -> None:
    presence.leave()


@worker_ready.connect
def start_reaper_in_worker(**_: Any) -> None:
    """Reap at once, for the jobs of the worker before this one, and then every few seconds.

    Not as a Celery task: long jobs may occupy every process of the pool.
    """
    reap_once(resend_after_s=2)  # what the worker before this one had taken, and not begun
    _start("reaper", keep_reaping, _stop, Hearing())


@worker_shutting_down.connect
def stop_reaper(**_: Any) -> None:
    if _stop.is_set():
        return  # a second signal is the same stop
    _stop.set()
    pool = [os.getpid(), *(child.pid for child in psutil.Process().children())]
    _start("forgive-stop", forgive_stop, pool)  # a signal handler must not wait for a database


def forgive_stop(pool: Iterable[int]) -> None:
    """Let no attempt be lost to a planned stop: what runs now is begun anew at the next start."""
    names = [worker_name(process) for process in pool]
    running = Job.objects.filter(state=State.RUNNING, worker__in=names)
    try:
        running.update(max_attempts=F("max_attempts") + 1)
    except DatabaseError as error:
        _log.warning("a stop counts as an attempt", error=str(error))


@worker_process_init.connect
def die_with_parent(**_: Any) -> None:
    """End a process of the pool when its worker was killed, instead of working on unseen."""
    _start("orphan-watch", _watch, os.getppid())


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _start(name: str, target: Any, *args: Any) -> None:
    threading.Thread(target=target, args=args, name=name, daemon=True).start()
