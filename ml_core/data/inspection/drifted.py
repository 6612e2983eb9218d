"""Columns whose values are not those of a reference version any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_core.data.inspection.finding import Finding
from ml_core.data.inspection.sketch import COUNTED, Sketch
from ml_core.evaluate.drift import Shift, shift_of_categories, shift_of_numbers

if TYPE_CHECKING:
    from ml_core.data.inspection.finding import Severity
    from ml_core.data.inspection.sketch import ColumnSketch
    from ml_core.data.schema import Schema
    from ml_core.typing import Frame

SMALL, LARGE = 0.1, 0.25
CHANCE = 0.001
_ADVICE = (
    "Find out what has changed: the source, a unit, or the world. If it is the world, measure the "
    "live model on these rows, and train again."
)


@dataclass(frozen=True, slots=True)
class Moved:
    """How far a column has moved; `shift` is None where values are not compared."""

    column: str
    shift: Shift | None
    empty_before: float
    empty_now: float

    @property
    def severity(self) -> Severity | None:
        """Say how much it matters: by the size of the shift, where it is no chance."""
        largest = abs(self.empty_now - self.empty_before)
        if self.shift is not None and self.shift.p < CHANCE:
            largest = max(largest, self.shift.psi, self.shift.effect)
        if largest < SMALL:
            return None
        return "warning" if largest >= LARGE else "info"


def moved(reference: Sketch, current: Sketch) -> list[Moved]:
    """Compare all columns that both have; names of entities and moments are expected to move."""
    both = [name for name in current.columns if name in reference.columns]
    return [_moved(reference.columns[name], current.columns[name]) for name in both]


def _moved(old: ColumnSketch, new: ColumnSketch) -> Moved:
    shift = None
    if new.column.kind == "number":
        shift = shift_of_numbers(old.numbers(), new.numbers())
    elif new.column.kind in COUNTED and not (old.has_too_many or new.has_too_many):
        shift = shift_of_categories(old.counts, new.counts)
    empty = [sketch.n_empty / max(1, sketch.n) for sketch in (old, new)]
    return Moved(new.column.name, shift, *empty)


class Drift:
    """Compare a table with a reference that was sketched before."""

    def __init__(self, schema: Schema, reference: Sketch) -> None:
        self._reference = reference
        self._current = Sketch(schema)

    def add(self, frame: Frame, first_row: int) -> None:
        """Take in some rows."""
        self._current.add(frame, first_row)

    def findings(self) -> list[Finding]:
        """Tell the columns that have moved, and those that one side lacks."""
        found = [_finding(one, one.severity) for one in moved(self._reference, self._current)]
        return [one for one in found if one is not None] + self._lacking()

    def _lacking(self) -> list[Finding]:
        now, before = self._current.columns, self._reference.columns
        told = [(name, "is not there any more") for name in before if name not in now]
        told += [(name, "is new: the reference lacks it") for name in now if name not in before]
        advice = "Map it in both versions, or in none, if models are to be compared on them."
        return [
            Finding("schema_changed", "info", f"{name} {what}.", advice, column=name)
            for name, what in told
        ]


def _finding(one: Moved, severity: Severity | None) -> Finding | None:
    if severity is None:
        return None
    figures = {"empty_before": one.empty_before, "empty_now": one.empty_now}
    words = [f"empty cells {one.empty_before:.1%} before, {one.empty_now:.1%} now"]
    if one.shift is not None:
        figures |= {"psi": one.shift.psi, "effect": one.shift.effect, "p": one.shift.p}
        words.insert(0, f"PSI {one.shift.psi:.2f}, effect {one.shift.effect:.2f}")
    message = (
        f"{one.column} must be distributed as in the reference. Got another distribution: "
        f"{'; '.join(words)}."
    )
    return Finding("drift", severity, message, _ADVICE, column=one.column, figures=figures)
