"""Rules between columns: values that must be known elsewhere, moments that must follow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from ml_core.data.inspection.finding import N_EXAMPLES, Finding
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from ml_core.data.schema import Schema
    from ml_core.typing import Frame

REFERENCE = "reference."
_FORM = re.compile(r"\s*(\S+)\s+(among|not after)\s+(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Among:
    """Each value of `column` must be one of those of `of`; of the reference version, if so said."""

    column: str
    of: str
    in_reference: bool = False

    def __str__(self) -> str:
        return f"{self.column} among {REFERENCE if self.in_reference else ''}{self.of}"


@dataclass(frozen=True, slots=True)
class NotAfter:
    """A moment or number of `column` must not be greater than that of `other` in the same row."""

    column: str
    other: str

    def __str__(self) -> str:
        return f"{self.column} not after {self.other}"


Rule = Among | NotAfter


def parse_rule(text: str, schema: Schema, *, has_reference: bool) -> Rule:
    """Read "terminal among reference.terminal" or "opened not after closed".

    Raises: DataError: if it has another form, or names a column that there is not.
    """
    read = _FORM.fullmatch(text)
    if read is None:
        raise _refused("be written as 'a among b' or 'a not after b'", text)
    column, verb, other = read.groups()
    in_reference = verb == "among" and other.startswith(REFERENCE)
    other = other.removeprefix(REFERENCE) if in_reference else other
    for name in (column, other):
        if name not in schema.names:
            raise _refused(f"name columns out of {', '.join(schema.names)}", name)
    if in_reference and not has_reference:
        raise _refused("have a version to refer to", text)
    if verb == "among":
        return Among(column, other, in_reference)
    kinds = {schema[column].kind, schema[other].kind}
    if len(kinds) > 1 or not kinds <= {"time", "number"}:
        raise _refused("compare two moments, or two numbers", text)
    return NotAfter(column, other)


def _refused(rule: str, got: str) -> DataError:
    message = f"A rule must {rule}. Got {got[:120]!r}. Correct it, or leave it out."
    return DataError(Issue("bad_rule", message))


class AmongCheck:
    """Gather the different values of both columns, 8 bytes for each, and hold them together."""

    def __init__(self, rule: Among) -> None:
        self._rule = rule
        self._asked: list[Frame] = []
        self._known: list[pl.Series] = []

    def refer(self, frame: Frame) -> None:
        """Take in some rows of the reference version."""
        if self._rule.in_reference and self._rule.of in frame.columns:
            self._know(frame[self._rule.of])

    def add(self, frame: Frame, first_row: int) -> None:
        """Take in some rows."""
        if self._rule.column in frame.columns:
            numbered = frame.select(value=pl.col(self._rule.column).hash(seed=17)).with_columns(
                row=pl.int_range(first_row, first_row + frame.height),
                known=frame[self._rule.column].is_not_null(),
            )
            self._asked.append(_merged([*self._asked, _counted(numbered.filter("known"))]))
            self._asked = self._asked[-1:]
        if not self._rule.in_reference and self._rule.of in frame.columns:
            self._know(frame[self._rule.of])

    def _know(self, values: pl.Series) -> None:
        hashes = values.drop_nulls().hash(seed=17).rename("known")
        self._known = [pl.concat([*self._known, hashes.unique()]).unique()]

    def findings(self) -> list[Finding]:
        """Tell the rows whose value is not known."""
        known = (
            self._known[0].implode() if self._known else pl.Series([[]], dtype=pl.List(pl.UInt64))
        )
        lost = self._asked[0].filter(~pl.col("value").is_in(known)) if self._asked else None
        if lost is None or lost.is_empty():
            return []
        n_rows = int(lost["n"].sum())
        place = "the reference version" if self._rule.in_reference else "this table"
        message = (
            f"{self._rule.column} must be among the values of {self._rule.of} in {place}. Got "
            f"{n_rows:,} rows with {lost.height:,} values that are not."
        )
        advice = "Add what they refer to, or correct them at their source."
        rows = tuple(lost["row"].sort().head(N_EXAMPLES).to_list())
        return [
            Finding("unknown_reference", "error", message, advice, self._rule.column, n_rows, rows)
        ]


def _counted(numbered: Frame) -> Frame:
    return numbered.group_by("value").agg(row=pl.col("row").min(), n=pl.len().cast(pl.Int64))


def _merged(parts: list[Frame]) -> Frame:
    return pl.concat(parts).group_by("value").agg(pl.col("row").min(), pl.col("n").sum())


class NotAfterCheck:
    """Compare two columns row by row; where one is empty there is nothing to compare."""

    def __init__(self, rule: NotAfter) -> None:
        self._rule = rule
        self._n = 0
        self._rows: list[int] = []

    def add(self, frame: Frame, first_row: int) -> None:
        """Take in some rows."""
        if not {self._rule.column, self._rule.other} <= set(frame.columns):
            return
        late = (frame[self._rule.column] > frame[self._rule.other]).fill_null(value=False)
        at = late.arg_true()
        self._n += at.len()
        missing = N_EXAMPLES - len(self._rows)
        self._rows += [first_row + place for place in at.head(max(0, missing)).to_list()]

    def findings(self) -> list[Finding]:
        """Tell the rows where it is greater."""
        if not self._n:
            return []
        message = (
            f"{self._rule.column} must not come after {self._rule.other}. Got {self._n:,} rows "
            "where it does."
        )
        advice = "Correct the two at their source, or their mapping if they are exchanged."
        return [
            Finding(
                "wrong_order", "error", message, advice, self._rule.column, self._n,
                tuple(self._rows),
            )
        ]  # fmt: skip


def check_of(rule: Rule) -> AmongCheck | NotAfterCheck:
    """Return what looks whether a rule holds."""
    return NotAfterCheck(rule) if isinstance(rule, NotAfter) else AmongCheck(rule)
