"""Rows that are there twice, names that should differ, and one row under two labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml_core.data.inspection.finding import N_EXAMPLES, Finding

if TYPE_CHECKING:
    from ml_core.data.schema import Schema
    from ml_core.typing import Frame, IntArray

    Hashes = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]

_EMPTY = 0


class HashLog:
    """Remember a digest of 128 bits for each row, and find those that were there before.

    16 bytes a row: two of a million rows with the same digest are the same row.
    """

    def __init__(self) -> None:
        self._parts: list[Hashes] = []

    def add(self, rows: Frame, skip: pl.Series | None = None) -> None:
        """Take in some rows, but for those that are to be skipped."""
        hashes = np.column_stack([rows.hash_rows(seed=seed).to_numpy() for seed in (11, 12)])
        if skip is not None:
            hashes[skip.to_numpy()] = _EMPTY
        self._parts.append(hashes)

    def again(self) -> tuple[IntArray, IntArray]:
        """Return places of rows that repeat an earlier one, and of that one, both from 0."""
        hashes = np.concatenate(self._parts) if self._parts else np.empty((0, 2), np.uint64)
        places = _repeated(hashes[:, 0])
        hashes = hashes[places]
        order = np.lexsort((places, hashes[:, 1], hashes[:, 0]))
        follows = np.all(hashes[order[1:]] == hashes[order[:-1]], axis=1)
        follows &= hashes[order[1:]].any(axis=1)
        starts = np.concatenate([[0], np.flatnonzero(~follows) + 1])
        at = np.flatnonzero(follows)
        firsts = places[order[starts[np.searchsorted(starts, at, side="right") - 1]]]
        again = places[order[1:][follows]]
        by_row = np.argsort(again)
        return again[by_row].astype(np.int64), firsts[by_row].astype(np.int64)


def _repeated(hashes: Hashes) -> IntArray:
    """Return the places of values that come more than once: of most tables few, if any."""
    if hashes.size < 2:
        return np.empty(0, np.int64)
    order = np.argsort(hashes)
    same = hashes[order[1:]] == hashes[order[:-1]]
    return np.sort(order[np.append(same, [False]) | np.append([False], same)])


class Unique:
    """Columns whose values must differ in each row."""

    def __init__(self, schema: Schema) -> None:
        self._names = [c.name for c in schema.columns if c.unique or c.role == "key"]
        self._logs: dict[str, HashLog] = {}

    def add(self, frame: Frame, first_row: int) -> None:  # noqa: ARG002  rows come in their order
        """Take in some rows."""
        for name in self._names:
            if name in frame.columns:
                log = self._logs.setdefault(name, HashLog())
                log.add(frame.select(name), frame[name].is_null())

    def findings(self) -> list[Finding]:
        """Tell the columns in which a value comes back."""
        return [found for name, log in self._logs.items() if (found := _not_unique(name, log))]


def _not_unique(name: str, log: HashLog) -> Finding | None:
    again, _ = log.again()
    if not again.size:
        return None
    message = f"{name} must differ in each row. Got {again.size:,} rows that repeat an earlier one."
    advice = "Leave one of each out, or keep the good rows only."
    return Finding("not_unique", "error", message, advice, name, int(again.size), examples(again))


def examples(places: IntArray) -> tuple[int, ...]:
    """Return the first rows of some places that count from 0."""
    return tuple(int(place) + 1 for place in places[:N_EXAMPLES])


class SameRows:
    """Rows that differ in their name alone, and rows that differ in their label alone."""

    def __init__(self, schema: Schema) -> None:
        label = schema.role("label")
        self._label = label.name if label is not None else ""
        self._meant = [c.name for c in schema.columns if c.role not in ("key", "label")]
        self._log = HashLog()
        self._labels: list[Hashes] = []

    def add(self, frame: Frame, first_row: int) -> None:  # noqa: ARG002  rows come in their order
        """Take in some rows."""
        meant = frame.select(name for name in self._meant if name in frame.columns)
        if not meant.width:
            return
        self._log.add(meant, meant.select(pl.all_horizontal(pl.all().is_null())).to_series())
        labels = np.zeros(frame.height, np.uint64)
        if self._label in frame.columns:
            known = frame[self._label].is_not_null().to_numpy()
            labels = np.where(known, frame[self._label].hash(seed=13).to_numpy(), labels)
        self._labels.append(labels)

    def findings(self) -> list[Finding]:
        """Tell doubles, and contradictions among them."""
        again, first = self._log.again()
        if not again.size:
            return []
        labels = np.concatenate(self._labels)
        both = (labels[again] != _EMPTY) & (labels[first] != _EMPTY)
        differ = both & (labels[again] != labels[first])
        return [*self._doubles(again[~differ]), *self._contradictions(again[differ])]

    @staticmethod
    def _doubles(again: IntArray) -> list[Finding]:
        if not again.size:
            return []
        message = (
            f"A row must be there once. Got {again.size:,} rows that repeat an earlier one in all "
            "but their name."
        )
        advice = (
            "Find out whether the source sends rows twice. A double in training and in test makes "
            "a model look better than it is."
        )
        return [
            Finding(
                "duplicate_row", "warning", message, advice, "", int(again.size), examples(again)
            )
        ]

    def _contradictions(self, again: IntArray) -> list[Finding]:
        if not again.size:
            return []
        message = (
            f"The same row must have one {self._label}. Got {again.size:,} rows that are the same "
            "as an earlier one, under another label."
        )
        advice = "Decide which label is right, and correct the others: no model can learn both."
        return [
            Finding(
                "contradictory_label", "warning", message, advice, self._label, int(again.size),
                examples(again),
            )
        ]  # fmt: skip
