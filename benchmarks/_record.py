"""The one way to write a result file: flat figures, with what they were measured on."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RESULTS = Path(__file__).parent / "results"
DATA = "ASSAY_BENCH_DATA"
HANDBOOK = Path("fraud", "handbook", "transactions.parquet")

_PACKAGES = (
    "numpy", "numba", "polars", "pandas", "duckdb", "pyarrow", "torch", "torch-geometric",
    "onnxruntime-gpu", "xgboost-cpu", "django", "celery",
)  # fmt: skip


def data_root() -> Path | None:
    """Return the folder of benchmark data, if the environment names one that is there."""
    named = os.environ.get(DATA)
    return Path(named) if named and Path(named).is_dir() else None


def payments(given: Path | None) -> Path | None:
    """Return the file that was given, else the handbook's; say so and return None without data."""
    root = data_root()
    file = given or (root / HANDBOOK if root else None)
    if file is not None and file.exists():
        return file
    print("Skipped: no data. Pass --data FILE.parquet or set ASSAY_BENCH_DATA.")
    return None


def command_line(argv: Sequence[str] | None = None) -> str:
    """Return the command as others can type it: data below its variable, no other path."""
    words = [str(word) for word in (sys.argv if argv is None else argv)]
    return " ".join(["python", *(_general(word) for word in words)])


def record(
    name: str,
    *,
    command: str | Sequence[str] | None = None,
    seeds: Sequence[int] = (),
    figures: Mapping[str, float],
    peers: Mapping[str, float] | None = None,
    device: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Write `results/<name>.json`, or `out`, and return where it lies.

    `figures` and `peers` are flat: a name, a finite number. `command` is the command line of this
    process by default; `device` describes processors and memory by default, never the host.

    Raises: ValueError: if a figure is no finite number, or a path of this machine would be written.
    """
    words = command.split() if isinstance(command, str) else command
    content = {
        "benchmark": name,
        "command": command_line(words),
        "device": device or describe_device(),
        "versions": versions(),
        "date": datetime.now(UTC).date().isoformat(),
        "seeds": list(seeds),
        "figures": _flat(figures),
        "peers": _flat(peers or {}),
    }
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    _refuse_places(text)
    path = Path(out) if out else RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter to speed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def describe_device() -> str:
    """Describe processor, cores at hand and memory."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (named := re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())):
        model = named[1].strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB"


def _general(word: str) -> str:
    """Write a path below the data, the project or any other folder without naming this machine."""
    root = os.environ.get(DATA)
    option, equals, place = word.rpartition("=")
    if not place.startswith(("/", "~")):
        return word
    if root and Path(place).is_relative_to(root):
        place = str(Path(f"${DATA}") / Path(place).relative_to(root))
    elif Path(place).is_relative_to(Path(__file__).parents[1]):
        place = str(Path(place).relative_to(Path(__file__).parents[1]))
    else:
        place = Path(place).name
    return option + equals + place


def _flat(figures: Mapping[str, float]) -> dict[str, float]:
    flat: dict[str, float] = {}
    for key, value in figures.items():
        number = float(value)
        if not abs(number) < float("inf"):
            raise ValueError(
                f"Each figure must be a finite number. Got {value!r} for {key}. Leave it out."
            )
        flat[key] = int(number) if number.is_integer() else float(f"{number:.6g}")
    return flat


def _refuse_places(text: str) -> None:
    places = {str(Path.home()), str(Path(__file__).parents[1]), os.environ.get(DATA, "")}
    for place in sorted(places - {"", "/"}):
        if place in text:
            raise ValueError(
                "A result must not name a place on this machine. Got one in the command or device. "
                f"Write it relative to ${DATA}."
            )
