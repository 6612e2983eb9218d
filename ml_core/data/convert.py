"""Turn a file of any accepted form into checked Parquet with the names of a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ml_core.data.read import chunks
from ml_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import RawIOBase

    from ml_core.data.preview import Sniffed
    from ml_core.data.schema import Schema
    from ml_core.data.validate import Checker
    from ml_core.typing import Frame

ROW = "row"


def arrow_schema(schema: Schema, names: Mapping[str, str]) -> pa.Schema:
    """Return the types of prepared data: `row` from 1, then the mapped columns in order."""
    kinds = {"number": pa.float64(), "time": pa.timestamp("us"), "flag": pa.int8()}
    columns = [column for column in schema.columns if column.name in names]
    return pa.schema(
        [(ROW, pa.int64()), *((c.name, kinds.get(c.kind, pa.large_string())) for c in columns)]
    )


def convert(  # noqa: PLR0913  what comes in, what it means, who checks, where it goes
    stream: BinaryIO,
    sniffed: Sniffed,
    schema: Schema,
    mapping: Mapping[str, str],
    *,
    checker: Checker,
    out: BinaryIO | RawIOBase,
    progress: Callable[[int, float], None] = lambda _rows, _share: None,
) -> int:
    """Write the mapped columns as Parquet into `out`, in file order; return the rows read.

    `mapping` is schema name -> source name. All rows are checked, but nothing more is written
    once an error is known. `progress` gets rows so far and the share of the file read; it may
    raise to stop. Memory does not grow with the file, but for what the checker keeps.

    Raises: DataError: if the file cannot be read at all.
    """
    chosen = {name: source for name, source in mapping.items() if source}
    target = arrow_schema(schema, chosen)
    n_rows = 0
    with pq.ParquetWriter(out, target, compression="zstd", compression_level=1) as writer:
        try:
            for chunk in chunks(stream, sniffed, list(dict.fromkeys(chosen.values()))):
                named = chunk.frame.select(pl.col(old).alias(new) for new, old in chosen.items())
                clean = checker.add(named, first_row=1)
                if not checker.has_errors:
                    writer.write_table(numbered(clean, chunk.first_row).cast(target))
                n_rows += clean.height
                progress(n_rows, chunk.share)
        except DataError as error:
            # What was found in the rows before is told together with what stopped the reading.
            for issue in error.issues:
                checker.tell(issue)
    return n_rows


def numbered(frame: Frame, first_row: int) -> pa.Table:
    """Return rows with their numbers in a column before all others."""
    rows = pl.int_range(first_row, first_row + frame.height, eager=True, dtype=pl.Int64)
    return frame.insert_column(0, rows.alias(ROW)).to_arrow()
