"""Point-in-time join: each event with what was known before it, and nothing younger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from datetime import timedelta

    from ml_core.typing import Frame

KNOWN_AT = "known_at"


def point_in_time_join(
    events: Frame,
    features: Frame,
    *,
    on: str,
    at: str,
    same_moment: bool = True,
    max_age: timedelta | None = None,
) -> Frame:
    """Join to each event the newest feature row that was known before it.

    The result has the events in their order, then the columns of the feature row and, as
    `known_at`, its time; all are empty where nothing was known. Feature rows of one entity and
    moment: the last one counts.

    Shapes: events (n, _), features (m, _) -> (n, _ + features + 1). O((n + m) log m).

    Args:
        events: what to describe.
        features: what is known of whom, from when on.
        on: column of the entity, in both.
        at: column of the time, in both.
        same_moment: whether a row of the event's own moment was known; rows of a view whose
            windows end before their moment were.
        max_age: how old a row may be to count; any age by default.

    Raises: DataError: if `on` or `at` is missing or has gaps, or a name would stand twice.
    """
    for what, frame in (("events", events), ("features", features)):
        _check_columns(what, frame, on, at)
    others = [name for name in features.columns if name not in {on, at}]
    twice = [name for name in (*others, KNOWN_AT) if name in events.columns]
    if twice:
        _refuse("twice", f"Columns {', '.join(twice)} must be in one of both. Rename them.")
    left = events.with_row_index("__row").with_columns(
        pl.col(at).cast(pl.Datetime("us")).alias("__at")
    )
    right = features.select(
        on, pl.col(at).cast(pl.Datetime("us")).alias("__at"), pl.col(at).alias(KNOWN_AT), *others
    ).unique([on, "__at"], keep="last", maintain_order=True)
    joined = left.sort("__at").join_asof(
        right.sort("__at"),
        on="__at",
        by=on,
        strategy="backward",
        tolerance=max_age,
        allow_exact_matches=same_moment,
        check_sortedness=False,  # both were sorted just now, by time over all entities
    )
    return joined.sort("__row").select([*events.columns, *others, KNOWN_AT])


def _check_columns(what: str, frame: Frame, on: str, at: str) -> None:
    for name in (on, at):
        if name not in frame.columns:
            _refuse("missing-column", f"Column {name} must be in the {what}. Got none. Add it.")
        if frame[name].null_count():
            _refuse(
                "gap",
                f"Column {name} of the {what} must be without gaps. "
                f"Got {frame[name].null_count():,}. Leave those rows out.",
            )


def _refuse(code: str, message: str) -> None:
    raise DataError(Issue(code, message))
