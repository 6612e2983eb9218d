"""Commands that look at data alone: what it hides, what differs, which rows are good."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ml_core.data.diff import compare
from ml_core.data.inspection.finding import in_order
from ml_core.data.inspection.inspector import Inspector
from ml_core.data.inspection.likeness import Picture, like_pictures, print_of
from ml_core.data.inspection.rules import parse_rule
from ml_core.data.inspection.unread import leaks_of_unread
from ml_core.data.labels.read import has_pictures, image_column
from ml_core.data.mapping import check_mapping, suggest
from ml_core.data.quarantine import sieve
from ml_core.data.read import sniff
from ml_core.errors import ConfigError, DataError
from ml_core.plain import plain
from solutions.tables import open_batch, read_table, safe_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ml_core.data.inspection.finding import Finding
    from ml_core.data.media import Media
    from ml_core.data.quarantine import BadRow
    from ml_core.data.schema import Schema
    from ml_core.typing import Frame

CHUNK_ROWS = 131_072


def inspect_file(
    path: Path, schema: Schema, *, reference: Path | None = None, rules: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """Return what a file hides, the worst first.

    Raises: DataError: if a row breaks a rule of the schema, or a rule cannot be read.
    """
    parsed = [parse_rule(rule, schema, has_reference=reference is not None) for rule in rules]
    with open_batch(path, schema) as batch:
        beside = None if reference is None else _chunks(read_table(reference, schema))
        inspector = Inspector(schema, rules=parsed, reference=beside)
        for chunk in _chunks(batch.frame):
            inspector.add(chunk)
        found = list(inspector.finish())
        if has_pictures(schema):
            found += _like(batch.frame, image_column(schema).name, batch.media)
        elif path.is_file():
            found += _unread(path, schema, batch.frame)
    return in_order(found)


def _chunks(frame: Frame) -> Iterator[Frame]:
    for start in range(0, frame.height, CHUNK_ROWS):
        yield frame.slice(start, CHUNK_ROWS)


def _like(frame: Frame, column: str, media: Media) -> list[Finding]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(frame[column].to_list(), 1):
        if name:
            rows.setdefault(name, []).append(row)
    return like_pictures(
        [Picture(name, tuple(its), print_of(media.read(name), name)) for name, its in rows.items()],
        column,
    )


def _unread(path: Path, schema: Schema, frame: Frame) -> list[Finding]:
    label = schema.role("label")
    if label is None:
        return []
    with path.open("rb") as stream:
        sniffed = sniff(stream, path.name)
        used = set(suggest(schema, sniffed.columns).values())
        unread = [name for name in sniffed.names if name not in used]
        return leaks_of_unread(stream, sniffed, schema, frame[label.name], unread)


def check_data(
    schema: Schema, path: Path, reference: Path | None, rules: Sequence[str], out: Path | None
) -> bool:
    """Print what a file hides, write it as JSON if asked; tell whether it may be used."""
    found = inspect_file(path, schema, reference=reference, rules=rules)
    for one in found:
        rows = f"  rows {', '.join(str(row) for row in one.rows)}" if one.rows else ""
        print(f"{one.severity:<8}{one.check:<22}{one.message} {one.advice}{rows}")
    n_errors = sum(one.severity == "error" for one in found)
    print(f"{len(found)} findings, {n_errors} of them errors.")
    _write(out, [asdict(one) for one in found])
    return n_errors == 0


def compare_data(schema: Schema, old: Path, new: Path, out: Path | None) -> None:
    """Print what differs between two files."""
    diff = compare(schema, read_table(old, schema), read_table(new, schema))
    for title, rows in (
        ("added", diff.added),
        ("removed", diff.removed),
        ("changed", diff.changed),
    ):
        print(f"{rows.n:>12,} rows {title}")
    print(f"{diff.n_same:>12,} rows the same in both")
    for column, n_cells in diff.changed_cells.items():
        print(f"{n_cells:>12,} cells of {column} changed")
    for one in diff.moved:
        if one.shift is not None:
            print(f"{one.column:<24}PSI {one.shift.psi:.3f}, effect {one.shift.effect:.3f}")
    _write(out, {**asdict(diff), "n_same": diff.n_same})


def keep_good(schema: Schema, path: Path, out: Path, aside: Path) -> tuple[int, int]:
    """Write the good rows of a file as Parquet, and the bad ones with their reasons as CSV.

    Raises: DataError: if no row is good, or the file cannot be read. ConfigError: if a file of that
        name is there, or the solution looks at pictures.
    """
    for target in (out, aside):
        if target.exists():
            message = f"A new file must not be there yet. Got {target}. Name another."
            raise ConfigError(message)
    if has_pictures(schema):
        message = "Rows are kept of tables. Got a solution of pictures. Use the product for them."
        raise ConfigError(message)
    drafts = [target.with_name(target.name + ".part") for target in (out, aside)]
    try:
        counts = _part(schema, path, *drafts)
        for draft, target in zip(drafts, (out, aside), strict=True):
            draft.rename(target)
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
    return counts


def _part(schema: Schema, path: Path, out: Path, aside: Path) -> tuple[int, int]:
    with path.open("rb") as stream, out.open("wb") as good, aside.open("w", newline="") as bad:
        sniffed = sniff(stream, path.name)
        mapping = suggest(schema, sniffed.columns)
        if issues := check_mapping(schema, sniffed.columns, mapping):
            raise DataError(issues)
        writer = csv.writer(bad)
        writer.writerow([safe_text(name) for name in ("row", "reason", *mapping.values(), "text")])

        def put(rows: Iterable[BadRow]) -> None:
            for row in rows:
                cells = row.cells or ("",) * len(mapping)
                line = (row.row, row.reason, *cells, row.text)
                writer.writerow([safe_text(cell) for cell in line])

        told = sieve(stream, sniffed, schema, mapping, out=good, aside=put)
    return told.n_good, told.n_bad


def _write(out: Path | None, content: Any) -> None:
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(plain(content), indent=1), encoding="utf-8")
