"""Results as files to take away: CSV that no spreadsheet runs as a formula, and Parquet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq

from apps.datasets import storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.inference.models import Prediction
    from ml_core.typing import Frame

_BLOCK = 1 << 20
# What a spreadsheet takes for a formula, or for the start of one after white space.
_FORMULA = r"^[=+\-@\t\r\n]"


def csv_rows(prediction: Prediction) -> Iterator[bytes]:
    """Yield a result as CSV, one row group at a time."""
    with storage.open_blob(prediction.result_blob) as stream:
        file = pq.ParquetFile(stream)
        for index in range(file.num_row_groups):
            frame = pl.from_arrow(file.read_row_group(index))
            assert isinstance(frame, pl.DataFrame)  # noqa: S101  a table is never a series
            yield safe_cells(frame).write_csv(include_header=index == 0).encode()


def parquet_bytes(prediction: Prediction) -> Iterator[bytes]:
    """Yield a result as the Parquet file that it is, decrypted."""
    with storage.open_blob(prediction.result_blob) as stream:
        while block := stream.read(_BLOCK):
            yield block


def safe_names(frame: Frame) -> Frame:
    """Do for the heads what `safe_cells` does: they may be what people have typed."""
    return frame.rename({name: f"'{name}" for name in frame.columns if re.match(_FORMULA, name)})


def safe_cells(frame: Frame) -> Frame:
    """Put an apostrophe before text that a spreadsheet would run as a formula.

    Source: OWASP, "CSV Injection".
    """
    texts = [pl.col(name) for name in frame.columns if frame[name].dtype == pl.String]
    return frame.with_columns(
        pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep()
        for text in texts
    )
