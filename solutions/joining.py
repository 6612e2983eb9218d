"""Rows that know nothing of each other, put into one batch, so that a model is asked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from solutions.api import TableBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_core.data.media import Media
    from ml_core.data.schema import Schema

FIRST_MARK = 0xE000  # characters that Unicode leaves to programs; nobody types them
MOST = 6400
_FILES = ("image", "audio")


@dataclass(frozen=True, slots=True)
class Joined:
    """A batch of strangers. What is said of it is theirs again after `plain`."""

    batch: TableBatch
    marks: Mapping[int, None]

    def plain(self, value: Any) -> Any:
        """Return JSON-able data with the names as they were before."""
        if isinstance(value, str):
            return value.translate(self.marks)
        if isinstance(value, Mapping):
            return {self.plain(key): self.plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(item) for item in value]
        return value


@dataclass(frozen=True, slots=True)
class _Media:
    """The files of all, each under the mark of whom it belongs to."""

    sources: Sequence[Media]

    def read(self, name: str) -> bytes:
        """Return a file. Raises: DataError: if its owner has none of that name."""
        return self.sources[ord(name[0]) - FIRST_MARK].read(name[1:])


def join(batches: Sequence[TableBatch], schema: Schema, ties: Sequence[str]) -> Joined:
    """Put batches without context into one, in order, as if none of them knew the others.

    Values of the columns `ties`, and names of files, get a mark in front that tells whose they
    are: a card that two people ask about is then two cards.
    """
    files = [column.name for column in schema.columns if column.kind in _FILES]
    marked = [
        batch.targets.with_columns(
            pl.concat_str(pl.lit(chr(FIRST_MARK + number)), pl.col(name)).alias(name)
            for name in dict.fromkeys((*files, *ties))
        )
        for number, batch in enumerate(batches)
    ]
    media = _Media([batch.media for batch in batches])
    marks = {FIRST_MARK + number: None for number in range(len(batches))}
    return Joined(TableBatch(pl.concat(marked), media=media), marks)
