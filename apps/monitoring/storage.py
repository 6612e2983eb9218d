"""How much is stored, of what, by whom, and how much room is left."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

from apps.accounts.models import Team
from apps.datasets import storage
from apps.datasets.thumbs import owner_of
from apps.monitoring import readings
from apps.monitoring.models import Kind
from apps.monitoring.references import references

if TYPE_CHECKING:
    from apps.monitoring.models import Reading

TITLES = {
    "uploads": "Files as they were uploaded",
    "prepared": "Checked tables of datasets",
    "thumbs": "Small pictures; they are made again when needed",
    "issues": "Lists of issues",
    "features": "Features of datasets, by day",
    "models": "Models",
    "predictions": "Results",
    "answers": "Pictures and sounds of answers",
    "cache": "Cache; it is made again when needed",
    "database": "Database",
    "half-written": "Half-written files",
}
LOW_SHARE = 0.10
LOW_BYTES = 4 * storage.MIN_FREE_BYTES


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk that holds the files."""

    total: int
    free: int

    @property
    def used(self) -> int:
        return self.total - self.free

    @property
    def state(self) -> str:
        """How it is: "bad" where uploads are refused already."""
        least = getattr(settings, "ASSAY_MIN_FREE_BYTES", storage.MIN_FREE_BYTES)
        if self.free < least:
            return "bad"
        is_low = self.free < LOW_SHARE * self.total or self.free < LOW_BYTES
        return "warning" if is_low else "good"


def disk() -> Disk:
    """Return how much room there is, now; none where the folder is gone, as of a lost mount."""
    try:
        usage = shutil.disk_usage(settings.ASSAY_DATA_DIR)
    except OSError:
        return Disk(0, 0)
    return Disk(usage.total, usage.free)


def measure() -> Reading:
    """Look through all files and all rows that speak of them, and keep what was found."""
    sizes, half = _files()
    by_kind: Counter[str] = Counter({"half-written": half} if half else {})
    for name, (size, _) in sizes.items():
        by_kind[name.partition("/")[0]] += size
    by_team: Counter[str] = Counter()
    owned: set[str] = set()
    n_missing = 0
    for name, team in references():
        if name in sizes:
            if name not in owned:
                by_team[str(team or "")] += sizes[name][0]
                owned.add(name)
        elif not storage.exists(name):
            n_missing += 1
    n_old = sum(is_old for name, (_, is_old) in sizes.items() if owner_of(name) not in owned)
    by_kind["cache"] = _folder_bytes(Path(settings.ASSAY_CACHE_DIR))
    by_kind["database"] = database_bytes()
    facts = {
        "by_kind": dict(by_kind), "by_team": dict(by_team), "n_files": len(sizes),
        "n_orphans": n_old, "n_missing": n_missing,
    }  # fmt: skip
    return readings.keep(Kind.STORAGE, facts)


def _files() -> tuple[dict[str, tuple[int, bool]], int]:
    """Return size and age of each whole file, and the bytes of those half-written."""
    before = time.time() - storage.STALE_S
    sizes: dict[str, tuple[int, bool]] = {}
    half = 0
    for name, size, changed in storage.walk():
        if name.endswith(storage.PART):
            half += size
        else:
            sizes[name] = (size, changed < before)
    return sizes, half


def shown(reading: Reading) -> dict[str, Any]:
    """Return a reading as the page shows it: largest first, with titles and names."""
    facts = reading.facts
    names = {str(pk): name for pk, name in Team.objects.values_list("pk", "name")}
    kinds = Counter(facts["by_kind"]).most_common()
    teams = Counter(facts["by_team"]).most_common()
    return {
        "at": reading.at,
        "kinds": [(TITLES.get(kind, kind.capitalize()), n) for kind, n in kinds if n],
        "teams": [(names.get(team, "no team any more"), n) for team, n in teams if n],
        "total": sum(facts["by_kind"].values()),
        **{name: facts[name] for name in ("n_files", "n_orphans", "n_missing")},
    }


def database_bytes() -> int:
    """Return how large the database is on its disk."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    path = str(connection.settings_dict["NAME"])
    parts = (Path(path + end) for end in ("", "-wal", "-shm"))
    return sum(part.stat().st_size for part in parts if part.is_file())


def _folder_bytes(folder: Path) -> int:
    total = 0
    for root, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.lstat(os.path.join(root, file)).st_size  # noqa: PTH118  many files
            except FileNotFoundError:
                continue  # a cache is tidied while we look
    return total
