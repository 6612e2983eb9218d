"""All checks of a table in one pass, in memory of some tens of bytes a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_core.data.inspection.doubles import SameRows, Unique
from ml_core.data.inspection.drifted import Drift
from ml_core.data.inspection.finding import Finding, in_order
from ml_core.data.inspection.leakage import Leakage, asks_for, columns_to_ask
from ml_core.data.inspection.outliers import Outliers
from ml_core.data.inspection.rules import AmongCheck, check_of
from ml_core.data.inspection.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ml_core.data.inspection.finding import Check
    from ml_core.data.inspection.rules import Rule
    from ml_core.data.schema import Schema
    from ml_core.typing import Frame


class Inspector:
    """Look for what well-formed rows may hide; a reference, if any, is read first, once."""

    def __init__(
        self,
        schema: Schema,
        *,
        rules: Sequence[Rule] = (),
        reference: Iterable[Frame] | None = None,
    ) -> None:
        by_rule = [check_of(rule) for rule in (*schema.rules, *rules)]
        self._checks: list[Check] = [
            Unique(schema), SameRows(schema), Outliers(schema), *by_rule,
        ]  # fmt: skip
        if label := asks_for(schema):
            self._checks.append(Leakage(label, columns=columns_to_ask(schema)))
        if reference is not None:
            self._checks.append(Drift(schema, _read(schema, reference, by_rule)))
        self._next_row = 1

    def add(self, frame: Frame) -> None:
        """Take in the next rows, whose columns bear the schema's names and have its kinds."""
        for check in self._checks:
            check.add(frame, self._next_row)
        self._next_row += frame.height

    def finish(self) -> tuple[Finding, ...]:
        """Return all that was found, the worst first."""
        return in_order([found for check in self._checks for found in check.findings()])


def _read(schema: Schema, reference: Iterable[Frame], checks: Sequence[object]) -> Sketch:
    sketch = Sketch(schema)
    for frame in reference:
        sketch.add(frame)
        for check in checks:
            if isinstance(check, AmongCheck):
                check.refer(frame)
    return sketch
