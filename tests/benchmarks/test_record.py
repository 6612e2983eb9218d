"""The result files: their format, and that they name no machine."""

import json
import math
import platform

import pytest

from benchmarks import _record
from benchmarks._record import record


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_BENCH_DATA", str(tmp_path))
    return tmp_path


def test_it_writes_the_format_of_the_benchmarks(data, tmp_path):
    out = tmp_path / "made_up.json"
    command = ["benchmarks/made_up.py", "--data", f"{data}/fraud/t.parquet", f"--out={data}/x"]

    path = record(
        "made_up", command=command, seeds=[0, 1], figures={"ap": 0.75}, peers={"b": 2}, out=out
    )

    content = json.loads(path.read_text())
    assert list(content) == [
        "benchmark", "command", "device", "versions", "date", "seeds", "figures", "peers"
    ]  # fmt: skip
    assert content["command"] == (
        "python benchmarks/made_up.py --data $ASSAY_BENCH_DATA/fraud/t.parquet "
        "--out=$ASSAY_BENCH_DATA/x"
    )
    assert content["figures"] == {"ap": 0.75}
    assert content["peers"] == {"b": 2}
    assert content["seeds"] == [0, 1]
    assert content["versions"]["numpy"]


def test_it_names_no_place_and_no_host(data, tmp_path):
    path = record(
        "made_up", command="x.py --data /somewhere/else/f.csv", figures={}, out=data / "r"
    )

    text = path.read_text()
    assert json.loads(text)["command"] == "python x.py --data f.csv"
    assert str(tmp_path) not in text
    assert platform.node() not in text


def test_it_refuses_a_device_that_names_a_place(data):
    with pytest.raises(ValueError, match="must not name a place"):
        record("made_up", command="x.py", figures={}, device=f"disk at {data}", out=data / "r")

    assert not (data / "r").exists()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_it_refuses_a_figure_that_is_no_number(data, value):
    with pytest.raises(ValueError, match="must be a finite number"):
        record("made_up", command="x.py", figures={"ap": value}, out=data / "r")


def test_no_data_is_said_and_not_invented(monkeypatch):
    monkeypatch.delenv("ASSAY_BENCH_DATA", raising=False)

    assert _record.data_root() is None


def test_a_benchmark_without_its_file_says_how_to_name_one(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("ASSAY_BENCH_DATA", str(tmp_path))

    assert _record.payments(None) is None
    assert "Pass --data" in capsys.readouterr().out


def test_the_file_that_was_named_is_taken(tmp_path):
    file = tmp_path / "payments.parquet"
    file.touch()

    assert _record.payments(file) == file
