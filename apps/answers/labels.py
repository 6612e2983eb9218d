"""What people say of answers, as values that a model can learn from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from ml_core.data.labels.box import from_text, to_text
from ml_core.data.schema import Schema
from ml_core.data.validate import Checker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_core.data.schema import Column
    from solutions.api import Solution

# Boxes below this confidence were not shown to the person who agreed.
SHOWN_FROM = 0.25
_NONE, _FLAGS = "[]", {"good": "0", "bad": "1"}


def subject_of(schema: Schema, row: Mapping[str, Any]) -> str:
    """Return by what name people will look for this row again: its first identifier."""
    for column in schema.columns:
        if column.kind == "id" and not column.personal and row.get(column.name):
            return str(row[column.name]).strip()[:200]
    return ""


def label_of(solution: Solution[Any], output: Mapping[str, Any], words: str) -> str | None:
    """Return a correction as a value of the label's column; None where it cannot be one."""
    column = solution.inputs().role("label")
    if column is None:
        return None
    tone = solution.verdicts.get(words)
    if column.kind == "boxes":
        return _boxes(output, words, tone)
    if column.kind == "flag" and tone in _FLAGS:
        return _FLAGS[str(tone)]
    return words if _fits(column, words) else None


def _boxes(output: Mapping[str, Any], words: str, tone: str | None) -> str | None:
    """Return none for a good one, and what was found for a bad one that a person agrees with.

    Who only says that it is bad has not said where: somebody has to draw that.
    """
    if tone == "good":
        return _NONE
    if tone != "bad" or words != output.get("label"):
        return None
    found = json.loads(output.get("found") or _NONE)
    shown = [box for box in found if box.get("confidence", 1.0) >= SHOWN_FROM]
    return to_text(from_text(json.dumps(shown)) or []) if shown else None


def _fits(column: Column, words: str) -> bool:
    checker = Checker(Schema((column,)))
    checker.add(pl.DataFrame({column.name: [words]}))
    return not checker.finish().errors
