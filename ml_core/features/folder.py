"""A folder of Parquet files, a day each, that changes as a whole or not at all.

`manifest.json` names the files that count. New files have new names, and the manifest is replaced
by one rename, so whoever reads sees the old days or the new ones, and a process killed half-way
leaves nothing but files that the next one removes.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from ml_core.errors import ConfigError, IntegrityError
from ml_core.features import offline
from ml_core.features.rows import clean
from ml_core.tracking.run import NullRun, Run, stop_if_cancelled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml_core.features.view import FeatureView, Mode
    from ml_core.typing import Frame

MANIFEST = "manifest.json"
SILENT = NullRun()


@dataclass(frozen=True, slots=True)
class Day:
    """One file: what it was made of, and how many rows it has."""

    file: str
    inputs: str
    n_rows: int


@dataclass(frozen=True, slots=True)
class Made:
    """What one run has done."""

    n_computed: int
    n_kept: int
    n_dropped: int
    n_rows: int
    newest: datetime | None


class FeatureFolder:
    """The features of one view in a folder."""

    def __init__(self, path: Path, view: FeatureView) -> None:
        self.path = path
        self.view = view

    def days(self) -> dict[date, Day]:
        """Return the days that count. Raises: IntegrityError: if the manifest cannot be read."""
        try:
            text = (self.path / MANIFEST).read_text(encoding="utf-8")
            found: dict[str, Any] = json.loads(text)["days"]
            return {date.fromisoformat(day): Day(**of) for day, of in found.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = (
                f"{self.path / MANIFEST} must be the manifest of a feature folder. It cannot be "
                "read. Restore it, or materialise into a new folder."
            )
            raise IntegrityError(message) from error

    def materialise(
        self,
        frame: Frame,
        mode: Mode = "incremental",
        start: date | None = None,
        end: date | None = None,
        run: Run = SILENT,
    ) -> Made:
        """Bring the folder up to a table: all days, those that changed, or those of a range.

        Raises: ConfigError: if the range cannot be, or another process works on the folder.
            DataError: if the table cannot be used. CancelledError: if asked to stop.
        """
        rows = clean(self.view, frame)
        self.path.mkdir(parents=True, exist_ok=True)
        with self._alone():
            kept = self.days()
            inputs = offline.inputs_of(self.view, rows)
            plan = offline.plan(
                inputs, {day: one.inputs for day, one in kept.items()}, mode, start, end
            )
            fresh: dict[date, Day] = {}
            for day, part in offline.computed(self.view, rows, plan.compute):
                stop_if_cancelled(run)
                fresh[day] = self._write(part, day, plan.inputs[day])
                run.progress(len(fresh), len(plan.compute), "days")
            days = {day: kept[day] for day in plan.keep} | fresh
            self._replace(days)
            self._tidy(days)
        n_rows = sum(one.n_rows for one in days.values())
        newest: Any = rows[self.view.time].max()
        return Made(len(plan.compute), len(plan.keep), len(plan.drop), n_rows, newest)

    def read(self, start: date | None = None, end: date | None = None) -> Frame:
        """Return the features of a range of days (both included), in the order of time."""
        days = self.days()
        chosen = [day for day in sorted(days) if (start or day) <= day <= (end or day)]
        parts = [pl.read_parquet(self.path / days[day].file) for day in chosen]
        return pl.concat(parts) if parts else pl.DataFrame()

    def _write(self, part: Frame, day: date, inputs: str) -> Day:
        name = f"day={day.isoformat()}/{uuid.uuid4().hex}.parquet"
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        part.write_parquet(path)
        return Day(name, inputs, part.height)

    def _replace(self, days: dict[date, Day]) -> None:
        content = {
            "view": self.view.to_json(),
            "days": {day.isoformat(): asdict(days[day]) for day in sorted(days)},
        }
        draft = self.path / (MANIFEST + ".part")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path / MANIFEST)

    def _tidy(self, days: dict[date, Day]) -> None:
        """Remove files that no longer count, those of killed runs too."""
        named = {one.file for one in days.values()}
        for path in self.path.glob("day=*/*.parquet"):
            if path.relative_to(self.path).as_posix() not in named:
                path.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time change the folder; the lock goes with the process."""
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                message = (
                    f"{self.path} must be changed by one process at a time. Another one is at it. "
                    "Wait for its end."
                )
                raise ConfigError(message) from error
            yield
