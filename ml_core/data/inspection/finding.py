"""One thing that an inspection found, in words and figures that name no value of a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_core.typing import Frame

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
N_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, how bad it is, where to look, and what to do.

    `rows` are the first rows concerned, from 1; `n_rows` counts all of them. Neither `message` nor
    `figures` holds a value of a row.
    """

    check: str
    severity: Severity
    message: str
    advice: str
    column: str = ""
    n_rows: int = 0
    rows: tuple[int, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


class Check(Protocol):
    """Something that looks at each chunk once, and tells in the end what it found."""

    def add(self, frame: Frame, first_row: int) -> None:
        """Take in rows whose columns bear the schema's names; `first_row` counts from 1."""
        ...

    def findings(self) -> list[Finding]:
        """Tell what was found in all of them."""
        ...


def in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """Sort by severity, then by the number of rows."""
    return tuple(
        sorted(findings, key=lambda found: (SEVERITIES.index(found.severity), -found.n_rows))
    )
