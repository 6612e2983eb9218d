"""Small batches of drawn scenes."""

from __future__ import annotations

import polars as pl

from ml_core.data.media import MemoryMedia
from solutions.api import TableBatch
from solutions.vqa.schema import SCHEMA
from solutions.vqa.simulate import scenes


def batch_of(n_pictures: int, seed: int = 0, **choices) -> TableBatch:
    files, asked = scenes(n_pictures, seed, **choices)
    rows = [(name, one.question, one.answer, one.kind, one.sound or None) for name, one in asked]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(SCHEMA.names, pl.String), orient="row")
    return TableBatch(frame, media=MemoryMedia(files))
