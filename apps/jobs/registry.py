"""Who does which kind of job: the handlers that the apps bring in their `jobs.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from django.utils.module_loading import autodiscover_modules

from ml_core.errors import JobError

if TYPE_CHECKING:
    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun

Work = Callable[["Job", "JobRun"], str]
OnEnd = Callable[["Job"], None]


@dataclass(frozen=True, slots=True)
class Handler:
    """What does a kind of job, what to tell when it ends without success, and who may begin one.

    Who retries a job begins it anew, and needs the rights in `needs` besides.
    """

    work: Work
    on_end: OnEnd | None = None
    needs: tuple[str, ...] = ()


_HANDLERS: dict[str, Handler] = {}


def handler(
    kind: str, on_end: OnEnd | None = None, needs: tuple[str, ...] = ()
) -> Callable[[Work], Work]:
    """Register a function that does jobs of a kind and returns the address of the result.

    It is called again after a crash, so it must be idempotent: the same job, the same rows.
    `on_end` is called after every end that is not success, possibly in another process.
    """

    def register(work: Work) -> Work:
        if kind in _HANDLERS and _HANDLERS[kind].work is not work:
            raise ValueError(f"A kind of job must have one handler. Got a second for {kind!r}.")
        _HANDLERS[kind] = Handler(work, on_end, needs)
        return work

    return register


def rights_to_retry(kind: str) -> tuple[str, ...]:
    """Return all rights that retrying a job of a kind needs."""
    try:
        return ("jobs.retry", *find(kind).needs)
    except JobError:  # no app brings it any more; its worker will say so
        return ("jobs.retry",)


@cache
def _discover() -> None:
    autodiscover_modules("jobs")


def find(kind: str) -> Handler:
    """Return the handler of a kind. Raises: JobError: if no app brings one."""
    if kind not in _HANDLERS:
        _discover()
    if kind not in _HANDLERS:
        raise JobError(
            f"The kind of a job must be known. Got {kind!r}. "
            "Restart the worker with the version of the product that made the job.",
            permanent=True,
        )
    return _HANDLERS[kind]
