"""A digest of what a table says, whatever file it came in."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from ml_core.data.schema import Column, Schema
    from ml_core.typing import Frame

_FORM = b"assay rows 1"


class _ColumnDigest:
    """Digests of the gaps, the lengths and the values of a column, in little-endian bytes."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._gaps, self._lengths, self._values = (hashlib.sha256() for _ in range(3))
        self.has_values = False

    def add(self, values: pl.Series) -> None:
        known = values.is_not_null()
        self.has_values |= bool(known.any())
        self._gaps.update(known.to_numpy().astype(np.uint8).tobytes())
        if self._column.kind == "number":
            # Minus zero is zero.
            numbers = values.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0
            self._values.update(numbers.astype("<f8").tobytes())
        elif self._column.kind in ("time", "flag"):
            whole = values.to_physical().cast(pl.Int64).fill_null(0).to_numpy()
            self._values.update(whole.astype("<i8").tobytes())
        else:
            texts = values.cast(pl.String).fill_null("")
            self._lengths.update(texts.str.len_bytes().to_numpy().astype("<u4").tobytes())
            self._values.update(_joined(texts))

    def digest(self) -> bytes:
        parts = (self._gaps, self._lengths, self._values)
        name = f"{self._column.name}\0{self._column.kind}\0".encode()
        return name + b"".join(part.digest() for part in parts)


def _joined(texts: pl.Series) -> bytes:
    """Return the bytes of all texts, one after the other, without a Python object for each."""
    held = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = held.buffers()
    bounds = np.frombuffer(offsets, dtype="<i8")[held.offset : held.offset + len(held) + 1]
    return b"" if data is None else bytes(memoryview(data)[bounds[0] : bounds[-1]])


class ContentDigest:
    """Digest the checked rows of a table, chunk by chunk, in their order.

    The same for CSV and Parquet, for any order and any source names of the columns, and however
    the rows are cut into chunks. A column without a value counts as one that is not there. Rows in
    another order are another content: results are told row by row.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._columns: dict[str, _ColumnDigest] = {}
        self._n_rows = 0

    def add(self, frame: Frame) -> None:
        """Take in rows whose columns bear the schema's names and have its kinds."""
        for column in self._schema.columns:
            if column.name in frame.columns:
                digest = self._columns.setdefault(column.name, _ColumnDigest(column))
                digest.add(frame[column.name])
        self._n_rows += frame.height

    def hexdigest(self) -> str:
        """Return the SHA-256 of all so far."""
        whole = hashlib.sha256(_FORM + self._n_rows.to_bytes(8, "little"))
        for name in sorted(self._columns):
            if self._columns[name].has_values:
                whole.update(self._columns[name].digest())
        return whole.hexdigest()


def content_sha256(schema: Schema, frame: Frame) -> str:
    """Return the digest of a table that is at hand as a whole."""
    digest = ContentDigest(schema)
    digest.add(frame)
    return digest.hexdigest()
