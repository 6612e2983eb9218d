"""Read tables that people bring: find out what a file is, then take it chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from ml_core.data.csv_file import Ragged, read_csv, sniff_csv
from ml_core.data.parquet_file import read_parquet, sniff_parquet
from ml_core.data.preview import Chunk, ColumnPreview, Head, Sniffed, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Chunk", "ColumnPreview", "Head", "Sniffed", "chunks", "sniff"]

HEAD_BYTES = 256 * 1024

_OTHER_FILES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook (.xlsx)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"%PDF", "a PDF"),
    (b"SQLite format 3", "an SQLite database"),
    (b"ARROW1", "an Arrow file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
    (b"PARE", "an encrypted Parquet file"),
)


def sniff(stream: BinaryIO, filename: str = "") -> Sniffed:
    """Find out format, separator, columns and some values from the head of a file.

    Raises: DataError: if it is neither CSV in UTF-8 nor Parquet, or holds no rows.
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    while 0 < len(head) < HEAD_BYTES and (more := stream.read(HEAD_BYTES - len(head))):
        head += more
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise refusal(
            "empty_file",
            "The file must hold data. Got an empty file.",
            "Export it again and check its size before you send it.",
        )
    if head.startswith(b"PAR1"):
        return sniff_parquet(stream)
    _refuse_other_files(head, filename)
    return sniff_csv(head, is_whole=len(head) < HEAD_BYTES)


def _refuse_other_files(head: bytes, filename: str) -> None:
    for magic, title in _OTHER_FILES:
        if head.startswith(magic):
            raise refusal(
                "wrong_format",
                f"The file must be CSV or Parquet. Got {title}.",
                "Unpack or export it as CSV (UTF-8) or Parquet.",
            )
    if filename.lower().endswith((".parquet", ".pq")):
        raise refusal(
            "wrong_format",
            "A Parquet file must begin with PAR1. Got other bytes.",
            "Export it again, or name it .csv if it is text.",
        )


def chunks(
    stream: BinaryIO, sniffed: Sniffed, names: Sequence[str], *, ragged: Ragged | None = None
) -> Iterator[Chunk]:
    """Yield the named columns of a file, some rows at a time, in its order.

    A CSV comes as text and is not interpreted here. Memory does not grow with the file.

    Raises: DataError: if the file is damaged, changes its encoding, or has ragged rows; the
        latter are told together, after the last chunk, unless `ragged` is there to take them.
    """
    if sniffed.format == "parquet":
        yield from read_parquet(stream, sniffed, names)
    else:
        yield from read_csv(stream, sniffed, names, ragged)
