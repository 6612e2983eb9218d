"""Features of a whole history as days of Parquet: which days to compute anew, and how.

A day depends on the rows within the view's horizon before its end, and its `inputs` is a digest of
them and of the definition. So "what changed" needs no notes: late rows, corrected ones, rows that
went away and another definition all show as another digest, and a second run finds nothing to do.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from ml_core.features.compute import features_of
from ml_core.features.rows import arrays
from ml_core.features.view import DAY, check_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ml_core.features.view import FeatureView, Mode
    from ml_core.typing import Frame

# Days that are computed in one go: enough to read the rows before them once for many.
_SPAN = 31


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: days to compute, days to keep as they are, days to let go.

    `is_whole`: once it is done, every day is that of the rows.
    """

    compute: tuple[date, ...]
    keep: tuple[date, ...]
    drop: tuple[date, ...]
    inputs: Mapping[date, str]
    is_whole: bool


def inputs_of(view: FeatureView, rows: Frame) -> dict[date, str]:
    """Return for each day that has rows a digest of all that its features depend on.

    `rows` are clean (`rows.clean`). O(n log n).
    """
    own = {day: _digest(part) for day, part in _by_day(view, rows)}
    reach = -(-view.horizon // DAY)
    days = sorted(own)
    found = {}
    first = 0
    for place, day in enumerate(days):
        while (day - days[first]).days > reach:
            first += 1
        digest = hashlib.sha256(view.version.encode())
        for past in days[first : place + 1]:
            digest.update(f"{past.isoformat()}:{own[past]}".encode())
        found[day] = digest.hexdigest()
    return found


def plan(
    inputs: Mapping[date, str],
    kept: Mapping[date, str],
    mode: Mode,
    start: date | None = None,
    end: date | None = None,
) -> Plan:
    """Decide what to do with each day that has rows, or had some.

    "full" computes all days anew, "incremental" those whose inputs changed, "backfill" those from
    `start` to `end` (both included); the others stay.

    Raises: ConfigError: if the range is the wrong way round, or is given to another mode.
    """
    check_range(mode, start, end)
    chosen = [
        day for day in inputs
        if mode == "full"
        or (mode == "incremental" and kept.get(day) != inputs[day])
        or (mode == "backfill" and (start or day) <= day <= (end or day))
    ]  # fmt: skip
    compute = set(chosen)
    gone = {day for day in kept if day not in inputs}
    if mode == "backfill":
        gone = {day for day in gone if (start or day) <= day <= (end or day)}
    keep = set(kept) - gone - compute
    return Plan(
        tuple(sorted(compute)),
        tuple(sorted(keep)),
        tuple(sorted(gone)),
        {day: inputs[day] for day in sorted(compute)},
        is_whole=compute | keep == set(inputs) and all(kept[day] == inputs[day] for day in keep),
    )


def computed(view: FeatureView, rows: Frame, days: Sequence[date]) -> Iterator[tuple[date, Frame]]:
    """Yield the features of each of some days, reading no more of the past than they need.

    `rows` are clean and in the order of time. A day's rows are in the order of time, entity, key,
    so that equal inputs give equal files.
    """
    time = rows[view.time]
    for stretch in _stretches(sorted(days)):
        first, behind = _midnight(stretch[0]), _midnight(stretch[-1] + timedelta(days=1))
        low = time.search_sorted(first - timedelta(microseconds=view.horizon), side="left")
        start = time.search_sorted(first, side="left")
        stop = time.search_sorted(behind, side="left")
        seen = rows.slice(int(low), int(stop) - int(low))
        table = features_of(view, arrays(view, seen))[int(start) - int(low) :]
        names = [view.entity, view.time, *([view.key] if view.key else [])]
        own = rows.slice(int(start), int(stop) - int(start)).select(names)
        columns = {name: table[:, place] for place, name in enumerate(view.features)}
        found = own.hstack(pl.DataFrame(columns).fill_nan(None)).sort(
            [view.time, view.entity, *([view.key] if view.key else [])], maintain_order=True
        )
        wanted = set(stretch)
        for day, part in _by_day(view, found):
            if day in wanted:
                yield day, part


def _stretches(days: Sequence[date]) -> Iterator[list[date]]:
    """Cut days into runs that one look at the past serves."""
    part: list[date] = []
    for day in days:
        if part and (day - part[0]).days >= _SPAN:
            yield part
            part = []
        part.append(day)
    if part:
        yield part


def _by_day(view: FeatureView, rows: Frame) -> Iterator[tuple[date, Frame]]:
    if rows.is_empty():
        return
    days = rows.with_columns(pl.col(view.time).dt.date().alias("__day")).partition_by(
        "__day", maintain_order=True, include_key=False, as_dict=True
    )
    for (day,), part in days.items():
        yield day, part


def _digest(part: Frame) -> str:
    """Digest rows by their values; rows of one moment may come in any order."""
    ordered = part.sort(part.columns)
    digest = hashlib.sha256()
    for column in ordered.iter_columns():
        missing = column.is_null().cast(pl.UInt8).to_numpy()
        digest.update(missing.tobytes())
        if column.dtype == pl.String:
            # The lengths keep "ab", "c" from looking like "a", "bc".
            digest.update(column.str.len_bytes().fill_null(0).to_numpy().tobytes())
            digest.update("".join(column.fill_null("").to_list()).encode())
        else:
            digest.update(column.to_physical().fill_null(0).to_numpy().tobytes())
    return digest.hexdigest()


def _midnight(day: date) -> datetime:
    # Frames carry UTC without a zone.
    return datetime(day.year, day.month, day.day, tzinfo=UTC).replace(tzinfo=None)
