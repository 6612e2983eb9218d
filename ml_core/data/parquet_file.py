"""Read Parquet through any stream, some rows at a time, wary of what a file says of itself."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml_core.data.header import check_printable
from ml_core.data.preview import MAX_COLUMNS, N_SAMPLES, Chunk, ColumnPreview, Sniffed, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHUNK_ROWS = 131_072
MAX_COLUMN_BYTES = 2**30
MAX_TEXT_BYTES = 10_000


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise refusal(
            "damaged",
            "A Parquet file must be whole. Got one that is cut short or damaged.",
            "Send it again, or write it again.",
        ) from error


def _open_parquet(stream: BinaryIO, dictionaries: Sequence[str] = ()) -> pq.ParquetFile:
    stream.seek(0)
    with _damage_told():
        return pq.ParquetFile(
            pa.PythonFile(stream, mode="r"),
            pre_buffer=False,
            page_checksum_verification=True,
            buffer_size=2**20,
            read_dictionary=list(dictionaries),
            thrift_string_size_limit=64 * 2**20,
            thrift_container_size_limit=2_000_000,
        )


def sniff_parquet(stream: BinaryIO) -> Sniffed:
    """Find out columns, types and some values from the footer and the first rows."""
    file = _open_parquet(stream)
    schema, metadata = file.schema_arrow, file.metadata
    names = [str(name) for name in schema.names]
    _check_parquet_size(metadata)
    if len(set(names)) < len(names):
        raise refusal(
            "duplicate_column",
            "Names of columns must differ. Got one name twice.",
            "Rename one of them.",
        )
    check_printable(names, "Rename it where the file is written.")
    if metadata.num_rows == 0:
        raise refusal(
            "no_rows",
            "The file must hold rows. Got columns only.",
            "Export it again with its rows.",
        )
    # Writers may begin with a row group of no rows.
    groups = (g for g in range(metadata.num_row_groups) if metadata.row_group(g).num_rows)
    with _damage_told():
        first = next(file.iter_batches(batch_size=N_SAMPLES, row_groups=[next(groups, 0)]), None)
        if first is None:
            raise pa.ArrowInvalid("rows are promised that are not there")
        columns = tuple(
            ColumnPreview(field.name, _arrow_type(field.type), _arrow_samples(first.column(index)))
            for index, field in enumerate(schema)
        )
    return Sniffed("parquet", columns, n_rows=metadata.num_rows)


def _check_parquet_size(metadata: Any) -> None:
    """Refuse a file that says of itself that a small part of it would fill the memory."""
    if metadata.num_columns > MAX_COLUMNS:
        raise refusal(
            "too_many_columns",
            f"A file must have at most {MAX_COLUMNS:,} columns. Got {metadata.num_columns:,}.",
            "Leave out what is not needed.",
        )
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        sizes = (row_group.column(i).total_uncompressed_size for i in range(row_group.num_columns))
        if (largest := max(sizes, default=0)) > MAX_COLUMN_BYTES or row_group.num_rows < 0:
            raise refusal(
                "too_large_group",
                "A column of a Parquet row group must unpack to at "
                f"most {MAX_COLUMN_BYTES:,} bytes. Got {largest:,}.",
                "Write the file with row groups of at most a million rows.",
            )


def _arrow_type(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    for is_kind, told in (
        (pa.types.is_integer, "integer"),
        (pa.types.is_floating, "decimal"),
        (pa.types.is_decimal, "decimal"),
        (pa.types.is_boolean, "true or false"),
        (pa.types.is_timestamp, "date and time"),
        (pa.types.is_date, "date and time"),
        (pa.types.is_string, "text"),
        (pa.types.is_large_string, "text"),
        (pa.types.is_string_view, "text"),
        (pa.types.is_null, "empty"),
    ):
        if is_kind(kind):
            return told
    return str(kind)[:60]


def _arrow_samples(values: pa.Array) -> tuple[str, ...]:
    return tuple("" if value is None else str(value)[:80] for value in values.to_pylist())


def read_parquet(stream: BinaryIO, sniffed: Sniffed, names: Sequence[str]) -> Iterator[Chunk]:
    """Yield the named columns of a Parquet file, some rows at a time."""
    texts = [c.name for c in sniffed.columns if c.name in names and c.dtype == "text"]
    file = _open_parquet(stream, dictionaries=texts)
    batches = file.iter_batches(batch_size=CHUNK_ROWS, columns=list(names))
    total, row = max(1, file.metadata.num_rows), 1
    while True:
        with _damage_told():
            batch = next(batches, None)
            if batch is None:
                return
            # Text that is no UTF-8 would be taken on trust further on.
            batch.validate(full=True)
        frame = pl.DataFrame(
            pa.Table.from_arrays(
                [_plain(batch.column(name), name) for name in names], names=list(names)
            )
        )
        yield Chunk(frame, row, min(1.0, (row + frame.height) / total))
        row += frame.height


def _plain(values: pa.Array, name: str) -> pa.Array:
    """Unfold a dictionary, unless a long text in it would fill the memory row by row."""
    if not pa.types.is_dictionary(values.type):
        return values
    lengths = pc.binary_length(values.dictionary)
    longest = pc.max(lengths).as_py() or 0
    if longest > MAX_TEXT_BYTES:
        raise refusal(
            "too_long_text",
            f"A text must be at most {MAX_TEXT_BYTES:,} bytes. Got {longest:,}.",
            "Shorten it or leave the column out.",
            column=name,
        )
    return values.dictionary_decode()
