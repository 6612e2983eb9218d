"""Small files of simulated payments: good ones, and each of the bad ones that people bring."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from solutions.fraud.simulate import simulate

if TYPE_CHECKING:
    from pathlib import Path

N_CARDS, N_TERMINALS, N_DAYS = 250, 120, 52
NEW_FROM = datetime(2025, 2, 12)  # noqa: DTZ001  ten days at the end, whose outcome is not known


def make_payments(n_cards: int = N_CARDS, days: int = N_DAYS, *, seed: int = 7) -> pl.DataFrame:
    """Return simulated payments under the column names that banks use."""
    frame = simulate(n_cards, N_TERMINALS, days, seed=seed)
    return frame.rename(
        {
            "transaction_id": "TX_ID", "time": "TX_DATETIME", "card_id": "CUSTOMER_ID",
            "terminal_id": "TERMINAL_ID", "amount": "TX_AMOUNT", "is_fraud": "TX_FRAUD",
        }
    )  # fmt: skip


def make_files(folder: Path) -> Path:
    """Write all files into a folder and return it."""
    frame = make_payments()
    is_new = pl.col("TX_DATETIME") >= NEW_FROM
    frame.filter(~is_new).write_csv(folder / "payments.csv")
    frame.filter(~is_new).write_parquet(folder / "payments.parquet")
    frame.filter(is_new).drop("TX_FRAUD").write_csv(folder / "new payments.csv")
    _write_errors(folder / "errors.csv", frame.head(300))
    _write_unreadable(folder, frame.head(300))
    return folder


def _write_errors(file: Path, frame: pl.DataFrame) -> None:
    """Write a file whose columns are right and whose rows 3, 5, 8 and 13 are not."""
    texts = frame.with_columns(pl.all().cast(pl.String)).with_row_index("row", offset=1)
    row = pl.col("row")
    amount = pl.when(row == 3).then(pl.lit("twelve")).when(row == 5).then(pl.lit("-4.50"))
    texts.with_columns(
        amount.otherwise("TX_AMOUNT").alias("TX_AMOUNT"),
        pl.when(row == 8)
        .then(pl.lit("2124-12-08 00:00:00.000000"))
        .otherwise("TX_DATETIME")
        .alias("TX_DATETIME"),
        pl.when(row == 13).then(pl.col("TX_ID").first()).otherwise("TX_ID").alias("TX_ID"),
    ).drop("row").write_csv(file)


def _write_unreadable(folder: Path, frame: pl.DataFrame) -> None:
    text = frame.write_csv()
    (folder / "empty.csv").write_bytes(b"")
    (folder / "header.csv").write_text(text.partition("\n")[0] + "\n", "utf-8")
    (folder / "carets.csv").write_text(text.replace(",", "^"), "utf-8")
    (folder / "latin.csv").write_bytes(text.replace("T0", "Té", 200).encode("latin-1"))
    frame.drop("TX_AMOUNT").write_csv(folder / "no_amount.csv")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("payments.csv", text)
    (folder / "zip.csv").write_bytes(packed.getvalue())
    whole = io.BytesIO()
    frame.write_parquet(whole)
    (folder / "cut.parquet").write_bytes(whole.getvalue()[:-200])
    (folder / "large.csv").write_bytes(text.encode() * (5 * 2**20 // len(text)))
