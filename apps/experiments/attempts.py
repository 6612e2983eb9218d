"""The private folders of a training or other work: one an attempt, and one that outlives a kill."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4

from django.conf import settings

from apps.experiments.models import TrainingRun
from apps.jobs.models import ENDED
from apps.registry.models import Compression

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

PRIVATE = 0o700
N_NAME = 36  # letters of a number, with which the name of each folder of a training begins
LONGEST_S = 48 * 3600.0  # a training may take a day, and its data have to be read and measured
COMPRESSION = "compression-"  # stands before it where a model is made smaller


class Folders(NamedTuple):
    """Where an attempt works, and where it keeps what the next would go on from."""

    work: Path
    checkpoints: Path


@contextmanager
def folders(training: str) -> Iterator[Folders]:
    """Give folders that only this user reads; the first is gone afterwards, the second is kept."""
    _remove(training, "-*")
    root = _root()
    root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=root, prefix=f"{training}-"))
    try:
        yield Folders(work, _taken_over(training))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def clear(training: str) -> None:
    """Remove all folders of a training, those of attempts that were killed as well."""
    _remove(training, "*")


def sweep() -> None:
    """Remove what work left here that was ended by another machine, or exists no more.

    A rehearsal is in no table: what nobody knows of is spared for as long as one can take.
    """
    _sweep("", TrainingRun.objects.all())
    _sweep(COMPRESSION, Compression.objects.all())


def _sweep(prefix: str, rows: QuerySet[TrainingRun] | QuerySet[Compression]) -> None:
    names = {path.name.removeprefix(prefix)[:N_NAME] for path in _root().glob(f"{prefix}*")}
    found = {name for name in names if _is_number(name)}
    states = {
        str(key): state for key, state in rows.filter(pk__in=found).values_list("pk", "state")
    }
    for name in found:
        is_over = states[name] in ENDED if name in states else _is_old(f"{prefix}{name}")
        if is_over:
            clear(f"{prefix}{name}")


def _is_old(training: str) -> bool:
    newest = max((path.stat().st_mtime for path in _root().glob(f"{training}*")), default=0.0)
    return newest < time.time() - LONGEST_S


def _taken_over(training: str) -> Path:
    """Return the folder of checkpoints under a name of this attempt's own.

    An attempt that has lost its job may still be writing: under the old name it harms nobody.
    """
    mine = _root() / f"{training}.kept-{uuid4().hex}"
    left = sorted(_root().glob(f"{training}.kept-*"), key=lambda path: path.stat().st_mtime)
    if left:
        left.pop().rename(mine)
    else:
        mine.mkdir(mode=PRIVATE)
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return mine


def _remove(training: str, ending: str) -> None:
    for folder in _root().glob(f"{training}{ending}"):
        shutil.rmtree(folder, ignore_errors=True)


def _is_number(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _root() -> Path:
    return Path(settings.ASSAY_CACHE_DIR) / "runs"
