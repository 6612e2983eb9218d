"""Remove files that belong to nothing: those of a process killed between file and row."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from apps.audit.services import record
from apps.datasets import storage
from apps.datasets.thumbs import owner_of
from apps.experiments import attempts
from apps.monitoring import readings
from apps.monitoring.models import Kind
from apps.monitoring.references import references
from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from apps.accounts.models import User

SHORTEST_S = 3600.0
# More than so many, and more than this share of all files, looks like the wrong database.
MANY, MOST_SHARE = 20, 0.5
_log = structlog.get_logger("assay.monitoring")


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep has removed."""

    n_files: int
    n_bytes: int
    n_half: int


def sweep(
    *, by: User | None = None, older_than_s: float = storage.STALE_S, is_sure: bool = False
) -> Swept:
    """Remove files that no row speaks of and that nobody has touched for a day.

    A file appears before the row that speaks of it is committed; no transaction and no job is
    open for as long as `older_than_s`. Rows are read after the files were listed, so a file that
    was named meanwhile stays.

    Raises: ConfigError: if the time is too short, or if so much belongs to nothing that the
        database is probably not that of these files; `is_sure` overrides the latter.
    """
    if older_than_s < SHORTEST_S:
        raise ConfigError(
            f"A sweep must spare what is younger than {SHORTEST_S:.0f} s. Got {older_than_s:g}. "
            "Somebody may be writing it."
        )
    before = time.time() - older_than_s
    orphans: dict[str, int] = {}
    n_all = 0
    for name, size, changed in storage.walk():
        if name.endswith(storage.PART):
            continue
        n_all += 1
        if changed < before:
            orphans[name] = size
    owned = {name for name, _ in references()}
    orphans = {name: size for name, size in orphans.items() if owner_of(name) not in owned}
    if not is_sure and len(orphans) > MANY and len(orphans) > MOST_SHARE * n_all:
        raise ConfigError(
            f"A sweep must remove the exception, not the rule. {len(orphans):,} of {n_all:,} files "
            "belong to nothing: is this the database of these files? Nothing was removed. "
            "If you are sure, run manage.py sweep_files --sure."
        )
    attempts.sweep()
    return _remove(orphans, by, older_than_s)


def _remove(orphans: dict[str, int], by: User | None, older_than_s: float) -> Swept:
    for name in orphans:
        storage.delete(name)
        _log.warning("file without a row removed", file=name)
    swept = Swept(len(orphans), sum(orphans.values()), storage.sweep(older_than_s))
    if by is not None or swept.n_files or swept.n_half:
        record(
            "storage.swept", actor=by, files=swept.n_files, bytes=swept.n_bytes,
            half_written=swept.n_half, kinds=sorted({name.partition("/")[0] for name in orphans}),
        )  # fmt: skip
    facts = {"n_files": swept.n_files, "n_bytes": swept.n_bytes, "n_half": swept.n_half}
    readings.keep(Kind.SWEEP, facts)
    return swept
