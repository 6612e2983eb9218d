"""What a policy's gate is measured on: rows that the challenger never saw, nor the live model."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import polars as pl

from apps.schedules.labels import identity, is_labelled
from solutions.gate import HeldOut

if TYPE_CHECKING:
    from ml_core.data.media import Media
    from ml_core.data.schema import Schema
    from ml_core.typing import Frame
    from solutions.api import TableBatch

LEAST_ROWS = 50
LEARNED = (
    "The live model has learned from {n:,} of these rows, which speaks for it: "
    "too few are left without them."
)
UNKNOWN = (
    "What the live model learned from cannot be read again, so some of these rows may speak for it."
)


def held_out(batch: TableBatch, learned: Frame | None, schema: Schema) -> HeldOut:
    """Leave out the rows that the live model has learned from, where enough remain.

    `learned` holds them with pictures by their bytes; None: nobody knows which they are.
    """
    label = schema.role("label")
    counts = label.name if label is not None else None
    columns = [] if learned is None else _named_by(schema, batch.targets, learned)
    if learned is None or not columns:
        return HeldOut(batch, None, UNKNOWN)
    rows = by_bytes(batch.targets, batch.media, schema)
    known = learned.select(identity(columns).alias("id"))["id"]
    fair = ~rows.select(identity(columns).alias("id"))["id"].is_in(known.implode())
    n_seen = int((~fair).sum())
    if not n_seen:
        return HeldOut(batch, None, "")
    kept = batch.targets.filter(fair)
    n_left = kept.filter(is_labelled(counts)).height if counts else kept.height
    if n_left < LEAST_ROWS:
        return HeldOut(batch, None, LEARNED.format(n=n_seen))
    note = f"{n_seen:,} rows that the live model has learned from were left out."
    return HeldOut(batch, fair, note)


def by_bytes(frame: Frame, media: Media, schema: Schema) -> Frame:
    """Put the digest of each picture where its name stands, if rows are known by their pictures.

    A name says little: cameras begin at IMG_0001 each day, and people rename what they send again.
    Raises: DataError: if a picture cannot be read.
    """
    if schema.role("key") is not None:
        return frame
    images = [c.name for c in schema.columns if c.kind == "image" and c.name in frame.columns]
    for column in images:
        names = frame[column].drop_nulls().unique()
        digests = {name: sha256(media.read(name)).hexdigest() for name in names}
        told = pl.col(column).replace_strict(digests, default=None, return_dtype=pl.String)
        frame = frame.with_columns(told)
    return frame


def _named_by(schema: Schema, rows: Frame, learned: Frame) -> list[str]:
    """Return by which columns a row is known again: key, else picture, else all that was asked.

    Never by its label, which people may have corrected since. Of one picture all questions count.
    """
    key = schema.role("key")
    images = [column for column in schema.columns if column.kind == "image"]
    chosen = [key] if key is not None else images or schema.columns
    names = [column.name for column in chosen if column.role != "label"]
    return [name for name in names if name in rows.columns and name in learned.columns]
