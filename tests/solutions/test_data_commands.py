"""Data is looked at from the command line as the product looks at it."""

from __future__ import annotations

import csv as csv_module
import json

import polars as pl
import pytest

from solutions.__main__ import main
from tests.apps.datasets.tables import HEADER, csv, rows


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "welds.csv"
    path.write_bytes(csv(rows(300)))
    return path


def run(command, **paths):
    options = [text for name, value in paths.items() for text in (f"--{name}", str(value))]
    return main([*command.split(), *options])


def test_a_leak_in_a_column_that_nobody_reads_is_told(tmp_path, capsys):
    lines = [f"{line},{line[-1]}" for line in rows(300)]
    (tmp_path / "leaky.csv").write_bytes(csv(lines, f"{HEADER},failure_scenario"))
    out = tmp_path / "found.json"

    run("check-data dummy", data=tmp_path / "leaky.csv", json=out)

    [one] = [one for one in json.loads(out.read_text()) if one["column"] == "failure_scenario"]
    assert (one["check"], one["severity"]) == ("leakage", "warning")
    assert "failure_scenario" in capsys.readouterr().out


def test_a_broken_rule_is_a_code_that_a_pipeline_understands(file, capsys):
    assert run("check-data dummy", data=file) == 0
    assert run("check-data dummy", data=file, rule="electrode among weld_id") == 2
    assert "unknown_reference" in capsys.readouterr().out
    assert run("check-data dummy", data=file, rule="electrode like weld_id") == 2
    assert "A rule must" in capsys.readouterr().err


def test_drift_is_told_beside_a_reference(file, tmp_path, capsys):
    moved = [line.replace(".5,2.25", ".5,6.25") for line in rows(300)]
    (tmp_path / "moved.csv").write_bytes(csv(moved))

    run("check-data dummy", data=tmp_path / "moved.csv", reference=file)

    assert "drift" in capsys.readouterr().out


def test_two_files_are_compared(file, tmp_path, capsys):
    (tmp_path / "new.csv").write_bytes(csv(rows(310)[5:]))

    assert run("compare-data dummy", old=file, new=tmp_path / "new.csv") == 0

    out = capsys.readouterr().out
    assert "10 rows added" in out
    assert "5 rows removed" in out
    assert "295 rows the same" in out


def test_good_rows_are_kept_and_bad_ones_put_aside(file, tmp_path, capsys):
    file.write_bytes(csv([*rows(4), "=x(),never,e1,8.5,2.25,0"]))
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.csv"

    assert run("keep-good dummy", data=file, out=good, aside=bad) == 0

    assert pl.read_parquet(good).height == 4
    header, line = csv_module.reader(bad.read_text().splitlines())
    assert header[:2] == ["row", "reason"]
    assert (line[0], line[2]) == ("5", "'=x()")
    assert run("keep-good dummy", data=file, out=good, aside=bad) == 2
    assert "must not be there yet" in capsys.readouterr().err


def test_where_nothing_is_good_nothing_is_left(file, tmp_path):
    file.write_bytes(csv(["w1,never,e1,8.5,2.25,0"]))

    assert run("keep-good dummy", data=file, out=tmp_path / "g", aside=tmp_path / "b") == 2

    assert [path.name for path in tmp_path.iterdir()] == ["welds.csv"]
