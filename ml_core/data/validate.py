"""Check a table against a schema, row by row, and say in words what to correct."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from ml_core.data.casting import cast, is_ambiguous, settle, unreadable
from ml_core.data.content import ContentDigest
from ml_core.data.inspection.doubles import HashLog
from ml_core.data.quality import Profile
from ml_core.errors import Issue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_core.data.schema import Column, Schema
    from ml_core.typing import Frame

MAX_ROW_ISSUES = 10_000
CLOCK_SLACK = timedelta(days=1)
EARLIEST = datetime(1900, 1, 1)  # noqa: DTZ001  frames hold UTC without a zone

_RULES = {
    "number": "a number such as 1234.50 (thousands are not separated, no unit beside it)",
    "time": "a date and time such as 2024-05-31 13:45:00",
    "flag": "0 or 1",
    "id": "a name or a whole number",
    "category": "a word",
    "text": "text",
    "image": "the name of a file",
    "audio": "the name of a file",
    "boxes": 'a list of boxes: [{"label", "x", "y", "width", "height"}, ...]',
}
_ADVICE = "Correct the value, or leave the row out."


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: problems of the whole first, then rows in their order.

    `totals` counts, by (code, column), all rows concerned, also those past the stored ones.
    `content_sha256` is the digest of what the rows say.
    """

    issues: tuple[Issue, ...]
    totals: Mapping[tuple[str, str], int]
    summary: Mapping[str, Any] = field(default_factory=dict)
    content_sha256: str = ""

    @property
    def errors(self) -> tuple[Issue, ...]:
        """The issues that forbid the use of the table."""
        return tuple(issue for issue in self.issues if issue.severity == "error")


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows of one column that break a rule; without `values` there is nothing to show."""

    code: str
    rule: str
    rows: pl.Series
    values: pl.Series | None = None


class Checker:
    """Check a table that comes in chunks, in memory that hardly grows with it.

    At most `max_issues` rows are kept for each kind of problem; totals stay true. Values of
    unique columns cost 16 bytes a row.
    """

    def __init__(
        self, schema: Schema, *, now: datetime | None = None, max_issues: int = MAX_ROW_ISSUES
    ) -> None:
        self._schema = schema
        self._latest = None if now is None else now.replace(tzinfo=None) + CLOCK_SLACK
        self._max_issues = max_issues
        self._issues: list[Issue] = []
        self._stored: Counter[tuple[str, str]] = Counter()
        self._totals: Counter[tuple[str, str]] = Counter()
        self._styles: dict[str, str] = {}
        self._logs: dict[str, HashLog] = {}
        self._profile = Profile(schema)
        self._content = ContentDigest(schema)
        self._seen: set[str] = set()
        self._n_rows = 0
        self._first_row = 1

    @property
    def has_errors(self) -> bool:
        """Tell whether the table is known to be unusable; duplicates show at the end only."""
        return any(issue.severity == "error" for issue in self._issues)

    def add(self, frame: Frame, *, first_row: int | None = None) -> Frame:
        """Check rows whose columns bear the schema's names; return them cast to its kinds."""
        if self._n_rows == 0:
            self._first_row = first_row or 1
        start = self._first_row + self._n_rows
        columns = [self._schema[name] for name in self._schema.names if name in frame.columns]
        done = pl.DataFrame([self._check(column, frame[column.name], start) for column in columns])
        self._profile.add(done)
        self._content.add(done)
        self._seen.update(done.columns)
        self._n_rows += frame.height
        return done

    def tell(self, issue: Issue) -> None:
        """Take in a problem that somebody else found."""
        key = (issue.code, issue.column or "")
        self._totals[key] += issue.n_rows
        if self._stored[key] < self._max_issues:
            self._stored[key] += 1
            self._issues.append(issue)

    def finish(self) -> Checked:
        """Check what only the whole can tell, and return all that was found."""
        self._check_whole()
        for name, log in self._logs.items():
            self._tell_duplicates(self._schema[name], log)
        order = sorted(self._issues, key=_place)
        digest = self._content.hexdigest()
        return Checked(tuple(order), dict(self._totals), self._summary(), digest)

    def _summary(self) -> dict[str, Any]:
        """Return the profile, with the counts of different values that are known exactly."""
        summary = dict(self._profile.tell())
        for told in summary["columns"]:
            if self._schema[told["name"]].unique:
                known = self._n_rows - told["nulls"]
                told["distinct"] = known - self._totals["duplicate", told["name"]]
                told["distinct_exact"] = True
        return summary

    # -- one column of a chunk --------------------------------------------------------------

    def _check(self, column: Column, raw: pl.Series, start: int) -> pl.Series:
        if column.name not in self._styles:
            self._styles[column.name] = settle(column.kind, raw)
        style = self._styles[column.name]
        values, problems = read_column(column, raw, style, latest=self._latest)
        for problem in problems:
            if problem.rows.any():
                self._tell_rows(column, problem, start)
        if column.unique:
            # Empty values are told as empty, not as the same.
            log = self._logs.setdefault(column.name, HashLog())
            log.add(values.to_frame(), values.is_null())
        return values

    def _tell_rows(self, column: Column, problem: Problem, start: int) -> None:
        at = problem.rows.arg_true()
        key = (problem.code, column.name)
        self._totals[key] += at.len()
        for index in at.head(max(0, self._max_issues - self._stored[key])).to_list():
            self._stored[key] += 1
            row = start + index
            shown = "no value" if problem.values is None else _shown(column, problem.values[index])
            message = f"{column.name} {problem.rule} Got {shown} in row {row:,}. {_ADVICE}"
            self._issues.append(Issue(problem.code, message, column=column.name, row=row))

    # -- the whole -------------------------------------------------------------------------

    def _tell_duplicates(self, column: Column, log: HashLog) -> None:
        again, firsts = log.again()
        self._totals["duplicate", column.name] += again.size
        for row, first in zip(again[: self._max_issues], firsts[: self._max_issues], strict=True):
            at, before = int(row) + self._first_row, int(first) + self._first_row
            message = (
                f"{column.name} must differ in each row. Got in row {at:,} the same as in row "
                f"{before:,}. Leave one of the two out."
            )
            self._issues.append(Issue("duplicate", message, column=column.name, row=at))

    def _check_whole(self) -> None:
        for column in self._schema.required:
            if column.name not in self._seen:
                self.tell(
                    Issue(
                        "missing_column",
                        f"The column {column.name} must be there. Got a "
                        "table without it. Add it, or map another column to it.",
                        column=column.name,
                    )
                )
        if self._n_rows == 0:
            self.tell(
                Issue(
                    "no_rows", "The table must hold rows. Got none. Export it again with its rows."
                )
            )
        for name, style in self._styles.items():
            if is_ambiguous(style):
                self.tell(
                    Issue(
                        "day_first",
                        f"{name} was read as day/month/year. If it is "
                        "month/day/year, write dates as 2024-05-31.",
                        column=name,
                        severity="warning",
                    )
                )
        self._warn_of_time()

    def _warn_of_time(self) -> None:
        time = self._schema.role("time")
        if time is None or time.name not in self._seen:
            return
        if n_tied := self._profile.n_tied:
            least = "" if self._profile.is_sorted else "at least "
            self.tell(
                Issue(
                    "tied_time",
                    f"{least}{n_tied:,} rows have the same {time.name} as "
                    "another row. That is allowed: none of them counts as earlier.",
                    column=time.name,
                    severity="warning",
                    n_rows=n_tied,
                )
            )
        if not self._profile.is_sorted:
            self.tell(
                Issue(
                    "unsorted",
                    f"The rows are not in the order of {time.name}. That is "
                    "allowed: they are put in order where it matters.",
                    column=time.name,
                    severity="warning",
                )
            )


def read_column(
    column: Column, raw: pl.Series, style: str, *, latest: datetime | None
) -> tuple[pl.Series, list[Problem]]:
    """Cast a column to its kind, and return it with the rows that break a rule, rule by rule."""
    values = cast(column.kind, raw, style).rename(column.name)
    bad = unreadable(column.kind, raw, values)
    rule = f"must be {_RULES.get(column.kind, column.kind)}."
    # A moment that could not be read lies outside the calendar: it has no name but its count.
    shown = raw.to_physical() if raw.dtype.is_temporal() else raw
    problems = [Problem(f"not_{column.kind}", rule, bad, shown)]
    if not column.nullable:
        empty = values.is_null() & ~bad
        problems.append(Problem("empty", "must not be empty.", empty))
    return values, problems + _out_of_bounds(column, values, latest)


def _out_of_bounds(column: Column, values: pl.Series, latest: datetime | None) -> list[Problem]:
    found: list[Problem] = []

    def add(code: str, rule: str, rows: pl.Series) -> None:
        found.append(Problem(code, rule, rows.fill_null(value=False), values))

    if column.kind == "time":
        add("too_early", "must be 1900 or later.", values < EARLIEST)
        if latest is not None:
            add("in_future", "must not lie in the future.", values > latest)
    if column.kind == "number" and column.minimum is not None:
        add("below_minimum", f"must be {column.minimum:g} or more.", values < column.minimum)
    if column.kind == "number" and column.maximum is not None:
        add("above_maximum", f"must be {column.maximum:g} or less.", values > column.maximum)
    return found


def _place(issue: Issue) -> tuple[int, int]:
    return (issue.severity != "error", issue.row or 0)


def _shown(column: Column, value: Any) -> str:
    if column.personal:
        return "a value that is not shown here"
    text = "".join(sign if sign.isprintable() else " " for sign in str(value))
    return repr(text if len(text) <= 40 else text[:39] + "…")


def check(schema: Schema, frame: Frame, *, first_row: int = 1) -> list[Issue]:
    """Return all that is wrong with a table whose columns bear the schema's names.

    `first_row` is the number of its first row, for tables that are part of a larger one.
    """
    checker = Checker(schema)
    if frame.height:
        checker.add(frame, first_row=first_row)
    else:
        checker._seen.update(frame.columns)  # noqa: SLF001
    return list(checker.finish().issues)
