"""Read CSV as it comes: text in UTF-8, any of four separators, in bounded memory."""

from __future__ import annotations

import codecs
import io
import os
import threading
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from ml_core.data.header import read_header
from ml_core.data.preview import N_SAMPLES, Chunk, ColumnPreview, Head, Sniffed, refusal
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLOCK_BYTES = 8 * 2**20
MAX_RAGGED = 1_000
MAX_RAGGED_CHARS = 2_000


def sniff_csv(head: bytes, *, is_whole: bool) -> Sniffed:
    """Find out separator, names and types from the first bytes of a CSV."""
    guard = _TextGuard(io.BytesIO(head), is_whole=is_whole)
    guard.read(-1)
    header = read_header(head)
    columns = tuple(
        ColumnPreview(name, _told_type(values), tuple(values[:N_SAMPLES]))
        for name, values in zip(header.names, header.columns(), strict=True)
    )
    return Sniffed("csv", columns, head=header)


def _told_type(values: Sequence[str]) -> str:
    """Say in a word what texts of a CSV seem to hold."""
    known = pl.Series([value.strip() for value in values if value.strip()], dtype=pl.String)
    if known.is_empty():
        return "empty"
    if known.str.contains(r"^[+-]?\d+$").all():
        return "integer"
    if known.cast(pl.Float64, strict=False).is_not_null().all():
        return "decimal"
    if known.str.to_lowercase().is_in(["true", "false", "yes", "no"]).all():
        return "true or false"
    if known.str.contains(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]|$)").all():
        return "date and time"
    return "decimal" if known.str.contains(r"^[+-]?[\d.]+,\d+$").all() else "text"


class _TextGuard(io.RawIOBase):
    """Pass bytes through, but refuse what is not UTF-8 and name the very byte."""

    def __init__(self, stream: BinaryIO, *, is_whole: bool = True) -> None:
        super().__init__()
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_whole = is_whole
        self.position = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        piece = self._stream.read(-1 if size is None else size)
        if (at := piece.find(0)) >= 0:
            raise refusal(
                "not_text",
                f"A CSV file must be text. Got a NUL byte at byte {self.position + at}.",
                "Export it again as CSV in UTF-8 (UTF-16 is not read).",
            )
        pending = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(piece, final=not piece and self._is_whole)
        except UnicodeDecodeError as error:
            at = self.position - pending + error.start
            raise refusal(
                "wrong_encoding",
                f"A CSV file must be UTF-8. Got another encoding at byte {at}.",
                'Save it again as "CSV UTF-8".',
            ) from None
        self.position += len(piece)
        return piece


def read_csv(
    stream: BinaryIO, sniffed: Sniffed, names: Sequence[str], ragged: Ragged | None = None
) -> Iterator[Chunk]:
    """Yield the named columns of a CSV as text; ragged rows are told after the last chunk."""
    head = sniffed.head
    if head is None:
        message = "A CSV file must have been sniffed."
        raise ValueError(message)
    try:
        yield from _read_csv(stream, sniffed, names, head, ragged)
    except pa.ArrowException as error:
        if ragged is not None:
            ragged.refuse_if_full()
        raise refusal(
            "unreadable_csv",
            f"A CSV must have rows of at most {BLOCK_BYTES:,} bytes. Got a longer one.",
            "Look for a quote that is opened and never closed.",
        ) from error


def _read_csv(
    stream: BinaryIO, sniffed: Sniffed, names: Sequence[str], head: Head, kept: Ragged | None
) -> Iterator[Chunk]:
    size = max(1, stream.seek(0, os.SEEK_END))
    stream.seek(0)
    guard = _TextGuard(stream)
    ragged = _Refusing(head.n_lines)
    if kept is not None:
        kept.n_lines = head.n_lines
    reader = pa_csv.open_csv(
        guard,
        read_options=pa_csv.ReadOptions(
            block_size=BLOCK_BYTES,
            use_threads=False,
            skip_rows=head.n_lines,
            column_names=list(sniffed.names),
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=head.delimiter,
            newlines_in_values=True,
            invalid_row_handler=kept or ragged,
        ),
        convert_options=pa_csv.ConvertOptions(
            include_columns=list(names),
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            check_utf8=False,
        ),
    )
    row = 1
    for batch in reader:
        frame = pl.DataFrame(pa.Table.from_batches([batch]))
        yield Chunk(frame, row, min(1.0, guard.position / size))
        row += frame.height
    ragged.refuse()


@dataclass(frozen=True, slots=True)
class RaggedRow:
    """A row with more or fewer cells than the header; `text` is its begin."""

    number: int | None
    reason: str
    text: str


class Ragged:
    """Gather rows that have more or fewer cells than the header, instead of refusing them.

    Raises: DataError: in the reading, if there are more than `most`: then the separator is wrong
        rather than a row.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._before: list[int] = []
        self.n_lines = 0
        self.rows: list[RaggedRow] = []

    def __call__(self, row: pa_csv.InvalidRow) -> str:
        """Take a row in; the reader goes on with the next."""
        with self._lock:
            if len(self.rows) >= self._most:
                return "error"
            number = None if row.number is None else row.number - self.n_lines
            reason = (
                f"A row must have {row.expected_columns} cells as the header has. Got "
                f"{row.actual_columns}."
            )
            if number is not None:
                self._before.append(number - len(self._before))
            self.rows.append(RaggedRow(number, reason, row.text[:MAX_RAGGED_CHARS]))
        return "skip"

    def number_of(self, place: int) -> int:
        """Return the number in the file of a row that was counted without the ragged ones."""
        return place + bisect_right(self._before, place)

    def refuse_if_full(self) -> None:
        """Raise where there were so many that the reading was stopped."""
        if len(self.rows) >= self._most:
            raise refusal(
                "too_many_ragged",
                f"A CSV must have at most {self._most:,} rows with another number of cells than "
                "its header. Got more.",
                "Check the separator, and the quotes around text that holds it.",
            )


class _Refusing:
    """Gather rows that have more or fewer cells than the header, to refuse them in the end."""

    def __init__(self, n_lines: int) -> None:
        self._n_lines = n_lines
        self._issues: list[Issue] = []
        self._n = 0
        self._lock = threading.Lock()

    def __call__(self, row: pa_csv.InvalidRow) -> str:
        with self._lock:
            self._n += 1
            if len(self._issues) < MAX_RAGGED:
                self._issues.append(self._tell(row))
        return "skip"

    def _tell(self, row: pa_csv.InvalidRow) -> Issue:
        number = None if row.number is None else row.number - self._n_lines
        return Issue(
            "ragged_row",
            f"A row must have {row.expected_columns} cells as the header has. Got "
            f"{row.actual_columns} in row {number}. Put quotes around text that holds the "
            "separator, or add what is missing.",
            row=number,
        )

    def refuse(self) -> None:
        """Raise what was gathered, if anything was."""
        if self._issues:
            raise DataError(self._issues)
