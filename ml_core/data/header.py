"""Find the separator and the names of the columns in the first lines of a CSV."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from ml_core.data.preview import MAX_COLUMNS, Head, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

DELIMITERS = (",", ";", "\t", "|")
MAX_HEADER_CHARS = 64 * 1024
MAX_NAME_CHARS = 200
N_ROWS = 200

_NOT_A_NAME = re.compile(r"[+-]?\d+([.,]\d+)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")


def read_header(head: bytes) -> Head:
    """Read names and first rows from the head of a CSV in UTF-8.

    Raises: DataError: if there is no usable header, or no row after it.
    """
    text = head.decode("utf-8", errors="ignore").removeprefix("\ufeff")
    if not text.strip():
        raise refusal("empty_file", "The file must hold data. Got blank lines.", "Export it again.")
    lines, n_blank = _first_lines(text)
    if len(lines[0]) > MAX_HEADER_CHARS:
        raise refusal(
            "huge_header",
            f"The header must have at most {MAX_HEADER_CHARS:,} "
            "characters. Got a longer first line.",
            "Check that the lines end where rows end.",
        )
    delimiter = _find_delimiter(lines)
    rows = _parse("\n".join(lines), delimiter)
    names = tuple(_tidy(name, at) for at, name in enumerate(rows[0], start=1))
    _check_names(names, rows[0])
    body = tuple(tuple(cell[:80] for cell in row) for row in rows[1:] if row)
    if not body:
        raise refusal(
            "no_rows",
            "The file must hold rows below its header. Got a header only.",
            "Export it again with its rows.",
        )
    return Head(delimiter, n_blank + 1, names, body)


def _first_lines(text: str) -> tuple[list[str], int]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    n_blank = next(at for at, line in enumerate(lines) if line.strip())
    is_cut = len(lines) > n_blank + 2
    kept = lines[n_blank : n_blank + N_ROWS + 1]
    # The last line of a longer file may be cut anywhere: it tells nothing.
    return (kept[:-1] if is_cut and n_blank + len(kept) == len(lines) else kept), n_blank


def _parse(text: str, delimiter: str) -> list[list[str]]:
    csv.field_size_limit(10**7)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        return [text.partition("\n")[0].split(delimiter)]


def _find_delimiter(lines: list[str]) -> str:
    """Take the separator that gives most columns, and the same number in most rows."""
    best, most = ",", (1, 0.0)
    for delimiter in DELIMITERS:
        rows = [row for row in _parse("\n".join(lines), delimiter) if row]
        width = len(rows[0]) if rows else 0
        same = sum(len(row) == width for row in rows) / max(1, len(rows))
        if width > 1 and (same >= 0.5, width * same) > (most[1] >= 0.5, most[0] * most[1]):
            best, most = delimiter, (width, same)
    if most[0] == 1 and re.search(r"\w[#^~:!\s]+\w", lines[0]):
        raise refusal(
            "wrong_delimiter",
            "Columns must be separated by comma, semicolon, tab or |. Got one column only.",
            "Export it again with one of these.",
        )
    return best


def _tidy(name: str, at: int) -> str:
    return name.strip() or f"column {at}"


def _check_names(names: tuple[str, ...], raw: list[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise refusal(
            "too_many_columns",
            f"A file must have at most {MAX_COLUMNS:,} columns. Got {len(names):,}.",
            "Leave out what is not needed.",
        )
    if all(not cell.strip() or _NOT_A_NAME.fullmatch(cell.strip()) for cell in raw):
        raise refusal(
            "no_header",
            "The first row must hold the names of the columns. Got values.",
            "Add a row of names on top.",
        )
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise refusal(
            "duplicate_column",
            f"Names of columns must differ. Got {twice[:40]!r} twice.",
            "Rename one of them.",
        )
    check_printable(names, "Check that quotes in the first line are closed.")


def check_printable(names: Iterable[str], advice: str) -> None:
    """Stop at names that no page and no database can keep. Raises: DataError."""
    if any(len(name) > MAX_NAME_CHARS or not name.isprintable() for name in names):
        raise refusal(
            "bad_name",
            "Names of columns must be printable and at most "
            f"{MAX_NAME_CHARS} characters. Got another.",
            advice,
        )
