"""Guess which column of a file is which column of a schema, and check what people chose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from ml_core.data.casting import cast, settle, unreadable
from ml_core.errors import Issue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_core.data.preview import ColumnPreview
    from ml_core.data.schema import Column, Schema

SURE = 0.9

_EXACT, _ALIAS, _PART = 1.0, 0.95, 0.6
_FITTING = {
    "number": {"integer", "decimal", "empty"},
    "flag": {"integer", "decimal", "true or false", "text", "empty"},
    "time": {"date and time", "integer", "decimal", "text", "empty"},
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A column of a file that may be meant. `rivals` are others that would do as well."""

    source: str
    confidence: float
    reason: str
    rivals: tuple[str, ...] = ()

    @property
    def is_sure(self) -> bool:
        """Tell whether it can be taken without asking."""
        return self.confidence >= SURE and not self.rivals


def normalise(name: str) -> str:
    """Return a name without case, spaces and signs, so that "Tx-Amount" is "txamount"."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _words(name: str) -> set[str]:
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return set(re.findall(r"[a-z0-9]+", split.casefold()))


def fits(column: Column, preview: ColumnPreview) -> bool:
    """Tell whether the values seen of a file's column can be read as the kind of `column`."""
    fitting = _FITTING.get(column.kind)
    if fitting is not None and preview.dtype not in fitting and preview.dtype != "text":
        return False
    samples = pl.Series([text for text in preview.samples if text], dtype=pl.String)
    if samples.is_empty():
        return True
    read = cast(column.kind, samples, settle(column.kind, samples))
    return not unreadable(column.kind, samples, read).all()


def suggestions(schema: Schema, columns: Sequence[ColumnPreview]) -> dict[str, Suggestion]:
    """Suggest for each column of the schema a column of the file, the surest first.

    Names decide, then aliases, then single words of a name; the values must fit each time.
    A label is taken by name or alias only: a guess there would teach a model the answer.
    """
    found: dict[str, Suggestion] = {}
    for step in (_by_name, _by_alias, _by_word):
        for column in schema.columns:
            if column.name in found:
                continue
            taken = {suggestion.source for suggestion in found.values()}
            free = [preview for preview in columns if preview.name not in taken]
            suggestion = step(schema, column, free)
            if suggestion is not None:
                found[column.name] = suggestion
    return found


def _by_name(_schema: Schema, column: Column, free: list[ColumnPreview]) -> Suggestion | None:
    wanted = normalise(column.name)
    same = [
        preview.name
        for preview in free
        if normalise(preview.name) == wanted and fits(column, preview)
    ]
    if not same:
        return None
    exact = column.name if column.name in same else same[0]
    rivals = () if exact == column.name else tuple(name for name in same if name != exact)
    return Suggestion(exact, _EXACT, "same name", rivals)


def _by_alias(_schema: Schema, column: Column, free: list[ColumnPreview]) -> Suggestion | None:
    order = [normalise(alias) for alias in column.aliases]
    known = [
        preview.name
        for preview in free
        if normalise(preview.name) in order and fits(column, preview)
    ]
    if not known:
        return None
    known.sort(key=lambda name: order.index(normalise(name)))
    return Suggestion(known[0], _ALIAS, f"{known[0]} is a usual name for it", tuple(known[1:]))


def _by_word(schema: Schema, column: Column, free: list[ColumnPreview]) -> Suggestion | None:
    if column.role == "label":
        return None
    label = schema.role("label")
    forbidden = _words(label.name) - {"is"} if label is not None else set()
    wanted = [_words(name) for name in (column.name, *column.aliases)]
    near = [
        preview.name
        for preview in free
        if not _words(preview.name) & forbidden
        and any(words and words <= _words(preview.name) for words in wanted)
        and fits(column, preview)
    ]
    if not near:
        return None
    return Suggestion(near[0], _PART, "a part of its name fits", tuple(near[1:]))


def suggest(schema: Schema, columns: Sequence[ColumnPreview]) -> dict[str, str]:
    """Return schema name -> source name for all that could be guessed."""
    return {name: found.source for name, found in suggestions(schema, columns).items()}


def is_sure(schema: Schema, found: Mapping[str, Suggestion]) -> bool:
    """Tell whether all required columns are found and nothing needs a question."""
    required = all(column.name in found for column in schema.required)
    return required and all(suggestion.is_sure for suggestion in found.values())


def check_mapping(
    schema: Schema, columns: Sequence[ColumnPreview], mapping: Mapping[str, str]
) -> list[Issue]:
    """Return what is wrong with a choice of columns (schema name -> source name)."""
    sources = {preview.name: preview for preview in columns}
    issues = [
        Issue(
            "unknown_column",
            f"A mapping must name columns that {where}. Got {name[:60]!r}. "
            "Choose one of those listed.",
            column=name[:200],
        )
        for name, where, known in _named(mapping)
        if name not in (schema.names if known else sources)
    ]
    issues += [_unmapped(column) for column in schema.required if not mapping.get(column.name)]
    issues += _used_twice(mapping)
    issues += [
        _misfit(schema[name], source)
        for name, source in mapping.items()
        if name in schema.names and source in sources and not fits(schema[name], sources[source])
    ]
    return issues


def _unmapped(column: Column) -> Issue:
    return Issue(
        "missing_column",
        f"{column.title} ({column.name}) must be mapped. Got no column for it. Choose the column "
        f"that holds: {column.description}",
        column=column.name,
    )


def _misfit(column: Column, source: str) -> Issue:
    return Issue(
        "wrong_type",
        f"{column.title} ({column.name}) must hold a {column.kind}. Got {source[:60]!r}, whose "
        "values cannot be read as such. Choose another column.",
        column=column.name,
    )


def _named(mapping: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    return [(name, "the schema has", True) for name in mapping] + [
        (source, "the file has", False) for source in mapping.values() if source
    ]


def _used_twice(mapping: Mapping[str, str]) -> list[Issue]:
    issues = []
    users: dict[str, str] = {}
    for name, source in mapping.items():
        if source and source in users:
            issues.append(
                Issue(
                    "used_twice",
                    f"A column of the file must be used once. Got "
                    f"{source!r} for both {users[source]} and {name}. Choose another "
                    "for one of them.",
                    column=name,
                )
            )
        users[source] = name
    return issues
