"""What a solution expects of its data: columns with kind, unit, range and aliases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ml_core.data.inspection.rules import Rule

Kind = Literal["number", "category", "time", "id", "text", "image", "audio", "boxes", "flag"]


@dataclass(frozen=True, slots=True)
class Column:
    """One input. `minimum` and `maximum` are inclusive; `unit` is shown to people.

    `id` is an identifier of an entity (many rows may share it), kept as text. `unique` makes a
    second row with the same value an error. `flag` is 0 or 1. `time` is UTC, microseconds.
    `image` and `audio` name a file of the upload. `boxes` is a JSON list of {"label", "x", "y",
    "width", "height"} in pixels of the upright picture, from its upper left; empty text where
    nobody has looked yet, "[]" where somebody has and there is nothing.
    `choices` are names to offer where people choose one, such as classes of boxes; others may come.
    `personal` values never enter a message or a log. `aliases` are other usual names,
    compared without case, spaces and signs. `role` names what the column means to the product:
    "key" (name of the row), "label" (the truth, may be empty for rows not yet known), "time".
    """

    name: str
    kind: Kind
    title: str
    description: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    required: bool = True
    nullable: bool = False
    unique: bool = False
    personal: bool = False
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    role: Literal["key", "label", "time", ""] = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a solution's input, in the order in which forms show them.

    `rules` hold between columns; an inspection tells where they do not.
    """

    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[Column, ...]:
        """Columns without which nothing can be done."""
        return tuple(column for column in self.columns if column.required)

    def role(self, role: Literal["key", "label", "time"]) -> Column | None:
        """Return the column that plays a role, or None."""
        return next((column for column in self.columns if column.role == role), None)
