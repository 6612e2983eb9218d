"""What differs between two versions of a table: rows, cells, columns, distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from ml_core.data.content import content_sha256
from ml_core.data.inspection.drifted import Moved, moved
from ml_core.data.inspection.finding import N_EXAMPLES
from ml_core.data.inspection.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml_core.data.schema import Schema
    from ml_core.typing import Frame

ROW = "row"
_OLD, _NEW = "row_old", "row_new"


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows, and the numbers of the first of them in their own version."""

    n: int
    first: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference of two versions.

    `by` is the column by which rows are known again, or nothing where whole rows are compared:
    then a changed row is one removed and one added. `changed_cells` counts, by column, the rows
    whose value is another one.
    """

    by: str
    n_old: int
    n_new: int
    added: Rows
    removed: Rows
    changed: Rows
    changed_cells: Mapping[str, int]
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    is_same_content: bool
    moved: tuple[Moved, ...]

    @property
    def n_same(self) -> int:
        """Return how many rows of the new version are in the old one as they are."""
        return self.n_new - self.added.n - self.changed.n


def compare(
    schema: Schema,
    old: Frame,
    new: Frame,
    *,
    stage: Callable[[str], None] = lambda _name: None,
) -> Diff:
    """Compare two checked tables that bear the schema's names; `stage` may raise to stop.

    Rows are joined by the column with the role of a key where it is unique in both, else by a
    digest of the columns that both have. The order of the rows is no difference but of the content.

    Shapes: old (n, _), new (m, _), in any order. O(n + m).
    """
    both = [name for name in schema.names if name in old.columns and name in new.columns]
    key = _key(schema, old, new, both)
    stage("rows")
    old, new = _numbered(old), _numbered(new)
    parts = _by_key(old, new, key, both) if key else _by_content(old, new, both)
    stage("distributions")
    return Diff(
        key,
        old.height,
        new.height,
        *parts,
        tuple(name for name in schema.names if name in new.columns and name not in both),
        tuple(name for name in schema.names if name in old.columns and name not in both),
        content_sha256(schema, old) == content_sha256(schema, new),
        tuple(moved(_sketched(schema, old), _sketched(schema, new))),
    )


def _key(schema: Schema, old: Frame, new: Frame, both: list[str]) -> str:
    key = schema.role("key")
    if key is None or key.name not in both:
        return ""
    is_unique = all(
        frame[key.name].null_count() == 0 and frame[key.name].n_unique() == frame.height
        for frame in (old, new)
    )
    return key.name if is_unique else ""


def _numbered(frame: Frame) -> Frame:
    if ROW in frame.columns:
        return frame
    return frame.with_columns(pl.int_range(1, frame.height + 1).alias(ROW))


def _sketched(schema: Schema, frame: Frame) -> Sketch:
    sketch = Sketch(schema)
    sketch.add(frame)
    return sketch


_Parts = tuple[Rows, Rows, Rows, dict[str, int]]


def _by_key(old: Frame, new: Frame, key: str, both: list[str]) -> _Parts:
    rest = [name for name in both if name != key]
    before = old.select(key, pl.col(ROW).alias(_OLD), *(pl.col(n).alias(f"{n} old") for n in rest))
    met = new.select(key, pl.col(ROW).alias(_NEW), *rest).join(before, on=key, how="inner")
    added = new.join(old, on=key, how="anti")[ROW]
    removed = old.join(new, on=key, how="anti")[ROW]
    differs = met.select(
        _NEW, *(pl.col(name).ne_missing(pl.col(f"{name} old")).alias(name) for name in rest)
    )
    cells = {name: int(differs[name].sum()) for name in rest}
    changed = differs.filter(pl.any_horizontal(rest))[_NEW] if rest else added.head(0)
    return _rows(added), _rows(removed), _rows(changed), {k: n for k, n in cells.items() if n}


def _by_content(old: Frame, new: Frame, both: list[str]) -> _Parts:
    """Count each row as often as it is there: a second copy of one is an added row."""
    old, new = (_copies(frame, both) for frame in (old, new))
    added = new.join(old, on=("digest", "copy"), how="anti")[ROW]
    removed = old.join(new, on=("digest", "copy"), how="anti")[ROW]
    return _rows(added), _rows(removed), Rows(0, ()), {}


def _copies(frame: Frame, both: list[str]) -> Frame:
    digests = frame.select(both).hash_rows(seed=21) if both else pl.Series([0] * frame.height)
    digested = frame.select(ROW, digest=digests)
    return digested.with_columns(copy=pl.int_range(pl.len()).over("digest"))


def _rows(numbers: pl.Series) -> Rows:
    return Rows(numbers.len(), tuple(numbers.sort().head(N_EXAMPLES).to_list()))
