"""`make bench`: all scripts, whatever one of them does."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "bench.py"


@pytest.fixture
def folder(tmp_path):
    def write(**scripts: str) -> Path:
        for name, source in scripts.items():
            (tmp_path / f"{name}.py").write_text(source)
        return tmp_path

    return write


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  our own script
        [sys.executable, str(SCRIPT), str(folder)], capture_output=True, text=True, check=False
    )


def test_one_that_fails_is_named_at_the_end_and_stops_none(folder):
    found = folder(
        a_breaks="raise SystemExit(3)", b_works="print('measured b')", _hidden="print('hidden')"
    )

    ended = run(found)

    assert ended.returncode == 1
    assert "measured b" in ended.stdout
    assert "hidden" not in ended.stdout
    assert ended.stdout.strip().endswith("FAILED  a_breaks (exit code 3)")


def test_one_without_its_data_is_skipped_and_all_is_well(folder):
    ended = run(folder(a="print('Skipped: no data. Pass --data FILE.')", b="print('measured')"))

    assert ended.returncode == 0
    assert "Skipped  a: no data. Pass --data FILE." in ended.stdout
    assert "No benchmark failed." in ended.stdout


def test_claims_are_collected_when_all_have_been_measured(folder):
    ended = run(folder(claims="print('collected')", kernels="print('k')", zebra="print('z')"))

    names = [line for line in ended.stdout.splitlines() if line.startswith("== ")]
    assert names == ["== kernels", "== zebra", "== claims", "== Summary"]


def test_both_protocols_of_fraud_are_run(folder):
    ended = run(folder(fraud_protocol="import sys; print(sys.argv[2])"))

    assert ended.stdout.splitlines()[:4] == [
        "== fraud_protocol --protocol A", "A", "== fraud_protocol --protocol B", "B",
    ]  # fmt: skip


def test_it_stops_when_asked_to_and_lets_the_script_tidy_up(folder, tmp_path):
    begun, tidied = tmp_path / "begun", tmp_path / "tidied"
    source = (
        "import pathlib, time\n"
        f"pathlib.Path({str(begun)!r}).touch()\n"
        f"try: time.sleep(60)\nfinally: pathlib.Path({str(tidied)!r}).touch()\n"
    )
    found = folder(a=source, b="print('b was run')")
    process = subprocess.Popen(  # noqa: S603  our own script
        [sys.executable, str(SCRIPT), str(found)], stdout=subprocess.PIPE, text=True
    )
    while not begun.exists():
        time.sleep(0.02)

    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "Stopped." in out
    assert "b was run" not in out
    assert tidied.exists()


def test_every_script_is_listed_with_what_it_asks():
    listed = (ROOT / "benchmarks" / "README.md").read_text()
    scripts = [path.name for path in (ROOT / "benchmarks").glob("[a-z]*.py")]

    assert [name for name in scripts if f"| `{name}` |" not in listed] == []
