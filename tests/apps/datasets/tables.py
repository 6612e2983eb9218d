"""Small files of welds, good and bad, as people would bring them."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from django.conf import settings

HEADER = "weld_id,time,electrode,current_ka,force_kn,failed"
START = datetime.fromisoformat("2024-03-01T08:00:00")


def rows(n: int = 20) -> list[str]:
    return [
        f"w{i},{START + timedelta(minutes=i)},e{i % 3},{8 + i % 4}.5,2.25,{int(i % 7 == 0)}"
        for i in range(n)
    ]


def csv(lines: list[str] | None = None, header: str = HEADER) -> bytes:
    return "\n".join([header, *(rows() if lines is None else lines), ""]).encode()


def frame(n: int = 20) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(csv(rows(n))), try_parse_dates=True)


def parquet(n: int = 20) -> bytes:
    out = io.BytesIO()
    frame(n).write_parquet(out)
    return out.getvalue()


def blobs() -> list[str]:
    """Names of all files that the storage holds, finished or not."""
    root = Path(settings.ASSAY_DATA_DIR) / "blobs"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
