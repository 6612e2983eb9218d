"""`python -m solutions features`, from the outside."""

from __future__ import annotations

import polars as pl
import pytest

from solutions.__main__ import main
from solutions.fraud import solution

DEMO = str(solution.demo())


@pytest.fixture
def run(tmp_path, capsys):
    def features(*words, slug="fraud"):
        code = main(["features", slug, "--data", DEMO, "--out", str(tmp_path / "out"), *words])
        return code, capsys.readouterr()

    return features


def test_it_writes_days_and_finds_nothing_to_do_the_second_time(run, tmp_path):
    code, said = run("--view", "card_activity")
    again, said_again = run("--view", "card_activity")

    assert (code, again) == (0, 0)
    assert "0 kept" in said.out
    assert "card_activity: 0 days computed" in said_again.out
    rows = pl.read_parquet(tmp_path / "out" / "card_activity" / "day=*" / "*.parquet")
    assert rows.height == pl.read_parquet(DEMO).height
    assert not (tmp_path / "out" / "card_record").exists()


def test_a_backfill_makes_its_days(run):
    code, said = run(
        "--view", "card_record", "--mode", "backfill", "--start", "2025-01-10",
        "--end", "2025-01-12",
    )  # fmt: skip

    assert code == 0
    assert "3 days computed" in said.out


def test_a_view_that_is_not_there_is_told(run):
    code, said = run("--view", "nothing")

    assert code == 2
    assert "must be one of card_activity" in said.err


def test_a_range_for_another_mode_is_told(run):
    code, said = run("--view", "card_record", "--start", "2025-01-10")

    assert code == 2
    assert "backfill" in said.err


def test_a_solution_without_views_says_so(run):
    code, said = run(slug="vqa")

    assert code == 2
    assert "none" in said.err
