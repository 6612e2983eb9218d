"""The race of rolling windows on a small table of its own: peers agree, figures are written."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "rolling_windows.py"
START = np.datetime64("2024-01-01", "us")


def transactions(n=3000):
    rng = np.random.default_rng(8)
    return pl.DataFrame(
        {
            "TRANSACTION_ID": rng.permutation(n),
            "TX_DATETIME": START
            + np.sort(rng.integers(0, 60 * 86_400, n)).astype("timedelta64[s]"),
            "CUSTOMER_ID": rng.integers(0, 40, n),
            "TERMINAL_ID": rng.integers(0, 30, n),
            "TX_AMOUNT": np.round(rng.gamma(2, 30, n), 2),
            "TX_FRAUD": rng.integers(0, 2, n),
        }
    )


def run(*words):
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.slow
def test_all_peers_agree_and_the_curve_is_drawn(tmp_path):
    data, out = tmp_path / "transactions.parquet", tmp_path / "result.json"
    transactions().write_parquet(data)

    ended = run("--data", data, "--rows", "2000,9000", "--repeats", "1", "--json", out)

    assert ended.returncode == 0, ended.stderr
    content = json.loads(out.read_text())
    figures = content["figures"]
    assert figures["rows"] == 3000
    assert figures["ratio_to_best_peer"] > 0
    assert {"growth_2000_rows_s", "growth_9000_rows_s", "growth_slope"} <= set(figures)
    assert len(content["peers"]) == 8
    assert str(tmp_path) not in out.read_text()
    assert (tmp_path / "result.svg").read_text().count("<svg") == 1


@pytest.mark.slow
def test_features_that_differ_from_the_published_end_the_run(tmp_path):
    data = tmp_path / "transactions.parquet"
    transactions().write_parquet(data)
    ids = transactions()["TRANSACTION_ID"].head(5)
    names = [
        f"{key}_{days}DAY_WINDOW"
        for days in (1, 7, 30)
        for key in (
            "CUSTOMER_ID_NB_TX", "CUSTOMER_ID_AVG_AMOUNT", "TERMINAL_ID_NB_TX", "TERMINAL_ID_RISK"
        )
    ]  # fmt: skip
    wrong = pl.DataFrame({"TRANSACTION_ID": ids} | {name: [9.0] * 5 for name in names})
    wrong.write_parquet(tmp_path / "published_features_sample.parquet")

    ended = run("--data", data, "--json", tmp_path / "result.json")

    assert ended.returncode != 0
    assert "not reproduced" in ended.stderr
    assert not (tmp_path / "result.json").exists()


@pytest.mark.slow
def test_no_data_is_said_and_nothing_is_written(tmp_path):
    ended = run("--data", tmp_path / "missing.parquet", "--json", tmp_path / "result.json")

    assert ended.returncode == 0
    assert "Skipped: no data" in ended.stdout
    assert not (tmp_path / "result.json").exists()
