"""Checks of data: how fast, in how much memory, and what they find in real payments.

    python benchmarks/data_checks.py --data FILE.parquet

The file has TRANSACTION_ID, TX_DATETIME, CUSTOMER_ID, TERMINAL_ID, TX_AMOUNT, TX_FRAUD and, as the
column that leaks, TX_FRAUD_SCENARIO; without --data it is that of the handbook below
ASSAY_BENCH_DATA. Each task runs in a process of its own, which reads the file chunk by chunk as the
product does; its memory is the most that the process ever held. Seconds of the processor stand
beside those of the clock: other work on the machine moves them less. Peer of the schema part is
pandera on Polars, on the same rows in memory, with the same rules; ours does more there (it casts,
profiles and digests).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time as clock
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks._record import payments, record  # noqa: E402
from ml_core.data.content import ContentDigest  # noqa: E402
from ml_core.data.convert import convert  # noqa: E402
from ml_core.data.diff import compare  # noqa: E402
from ml_core.data.inspection.inspector import Inspector  # noqa: E402
from ml_core.data.inspection.unread import leaks_of_unread  # noqa: E402
from ml_core.data.mapping import suggest  # noqa: E402
from ml_core.data.quarantine import sieve  # noqa: E402
from ml_core.data.read import sniff  # noqa: E402
from ml_core.data.validate import Checker  # noqa: E402
from solutions.fraud.schema import SCHEMA  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 131_072
LEAK = "TX_FRAUD_SCENARIO"


def prepared(path: Path) -> Path:
    """Return the checked table of a file, as the product keeps it, made once beside the results."""
    out = Path(os.environ["DATA_CHECKS_TABLE"])
    if not out.exists():
        with path.open("rb") as stream, out.open("wb") as table:
            sniffed = sniff(stream, path.name)
            convert(
                stream, sniffed, SCHEMA, suggest(SCHEMA, sniffed.columns),
                checker=Checker(SCHEMA), out=table,
            )  # fmt: skip
    return out


def chunks(path: Path) -> Iterator[pl.DataFrame]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=CHUNK):
        yield pl.DataFrame(batch).drop("row")


def check(path: Path) -> dict[str, float]:
    """Check schema, types, ranges and unique names of the file, and write the table."""
    with path.open("rb") as stream:
        sniffed = sniff(stream, path.name)
        checker = Checker(SCHEMA)
        mapping = suggest(SCHEMA, sniffed.columns)
        n = convert(stream, sniffed, SCHEMA, mapping, checker=checker, out=BytesIO())
    return {"rows": n, "errors": len(checker.finish().errors)}


def inspect(path: Path) -> dict[str, float]:
    """Look for all that rows hide, beside the first half of them, and in the unread columns."""
    table = prepared(path)
    n_rows = pq.ParquetFile(table).metadata.num_rows

    def first_half() -> Iterator[pl.DataFrame]:
        seen = 0
        for frame in chunks(table):
            if seen >= n_rows // 2:
                return
            seen += frame.height
            yield frame

    inspector = Inspector(SCHEMA, reference=first_half())
    for frame in chunks(table):
        inspector.add(frame)
    found = list(inspector.finish())
    labels = pl.read_parquet(table, columns=["is_fraud"])["is_fraud"]
    with path.open("rb") as stream:
        sniffed = sniff(stream, path.name)
        used = set(suggest(SCHEMA, sniffed.columns).values())
        unread = [name for name in sniffed.names if name not in used]
        found += leaks_of_unread(stream, sniffed, SCHEMA, labels, unread)
    leak = [one for one in found if one.check == "leakage" and one.column == LEAK]
    return {
        "findings": len(found),
        "errors": sum(one.severity == "error" for one in found),
        "scenario_leak_found": len(leak),
        "scenario_leak_score": leak[0].figures["score"] if leak else 0.0,
    }


def digest(path: Path) -> dict[str, float]:
    """Digest what the rows say."""
    content = ContentDigest(SCHEMA)
    for frame in chunks(prepared(path)):
        content.add(frame)
    return {"digits": len(content.hexdigest())}


def difference(path: Path) -> dict[str, float]:
    """Compare with a version that lacks a thousandth, has as many new rows and changed amounts."""
    old = pl.read_parquet(prepared(path)).drop("row")
    some = old.height // 1000
    changed = old.slice(some).with_columns(
        amount=pl.when(pl.int_range(pl.len()) < some).then(pl.col("amount") + 1).otherwise("amount")
    )
    fresh = old.head(some).with_columns(transaction_id="new " + pl.col("transaction_id"))
    found = compare(SCHEMA, old, pl.concat([changed, fresh]))
    right = (found.added.n, found.removed.n, found.changed.n) == (some, some, some)
    if not right:
        raise SystemExit(f"The difference is wrong: {found}")
    return {"added": found.added.n, "removed": found.removed.n, "changed": found.changed.n}


def part(path: Path) -> dict[str, float]:
    """Part good rows from bad ones."""
    n_aside = 0

    def aside(rows: Any) -> None:
        nonlocal n_aside
        n_aside += sum(1 for _ in rows)

    with path.open("rb") as stream:
        sniffed = sniff(stream, path.name)
        mapping = suggest(SCHEMA, sniffed.columns)
        told = sieve(stream, sniffed, SCHEMA, mapping, out=BytesIO(), aside=aside)
    return {"good": told.n_good, "bad": n_aside}


def schema_in_memory(path: Path) -> dict[str, float]:
    """Check the schema of rows that are in memory, as pandera does beside it."""
    frame = _raw(path)
    checker = Checker(SCHEMA)
    started = clock.perf_counter()
    for start in range(0, frame.height, CHUNK):
        checker.add(frame.slice(start, CHUNK))
    errors = checker.finish().errors
    return {"own_s": clock.perf_counter() - started, "errors": len(errors)}


def schema_by_pandera(path: Path) -> dict[str, float]:
    """Check the same by pandera: types, gaps, unique names, ranges."""
    import pandera.polars as pa  # noqa: PLC0415  a peer that may not be installed

    frame = _raw(path)
    whole, text = pl.Int64, pl.String
    kinds = {"card_id": whole, "terminal_id": whole, "transaction_id": whole}
    kinds = {name: text if frame[name].dtype == text else frame[name].dtype for name in kinds}
    schema = pa.DataFrameSchema(
        {
            "transaction_id": pa.Column(kinds["transaction_id"], unique=True),
            "time": pa.Column(frame["time"].dtype, pa.Check.ge(clock_start())),
            "card_id": pa.Column(kinds["card_id"]),
            "terminal_id": pa.Column(kinds["terminal_id"]),
            "amount": pa.Column(frame["amount"].dtype, pa.Check.ge(0)),
            "is_fraud": pa.Column(frame["is_fraud"].dtype, pa.Check.isin([0, 1])),
        }
    )
    started = clock.perf_counter()
    schema.validate(frame, lazy=True)
    return {"own_s": clock.perf_counter() - started}


def clock_start() -> Any:
    from datetime import datetime  # noqa: PLC0415  used by the peer alone

    return datetime(1900, 1, 1)  # noqa: DTZ001  frames hold UTC without a zone


def _raw(path: Path) -> pl.DataFrame:
    with path.open("rb") as stream:
        mapping = suggest(SCHEMA, sniff(stream, path.name).columns)
    frame = pl.read_parquet(path, columns=list(mapping.values()))
    return frame.select(pl.col(old).alias(new) for new, old in mapping.items())


TASKS: dict[str, Callable[[Path], dict[str, float]]] = {
    "check": check,
    "inspect": inspect,
    "digest": digest,
    "difference": difference,
    "part": part,
    "schema_in_memory": schema_in_memory,
    "schema_by_pandera": schema_by_pandera,
}

PEER = "schema_by_pandera"
TIMED = ("check", "inspect", "digest", "difference", "part")
TOLD = {
    "inspect": ("findings", "errors", "scenario_leak_found", "scenario_leak_score"),
    "difference": ("added", "removed", "changed"),
}


def run(task: str, path: Path) -> dict[str, float]:
    """Run a task in a process of its own; return what it tells, with seconds and peak memory."""
    command = [sys.executable, str(Path(__file__)), "--data", str(path), "--task", task]
    done = subprocess.run(  # noqa: S603  our own interpreter
        command, capture_output=True, text=True, check=False, env=os.environ
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def measure(path: Path, repeats: int) -> tuple[dict[str, float], dict[str, float]]:
    """Run all tasks in turns; return figures and those of the peer."""
    rounds: dict[str, list[dict[str, float]]] = {task: [] for task in TASKS}
    for _ in range(repeats):
        for task, told in rounds.items():
            try:
                told.append(run(task, path))
            except RuntimeError as error:
                if task != PEER:
                    raise
                print(f"The peer is left out: {str(error).splitlines()[-1]}")
    rows = rounds["check"][0]["rows"]
    figures: dict[str, float] = {"rows": rows, "repeats": repeats}
    for task in TIMED:
        spent = median(one["seconds"] for one in rounds[task])
        figures |= {f"{task}_s": spent, f"{task}_rows_per_s": rows / spent}
        figures[f"{task}_cpu_s"] = median(one["cpu_s"] for one in rounds[task])
        figures[f"{task}_peak_memory_mb"] = max(one["peak_mb"] for one in rounds[task])
    for task, keys in TOLD.items():
        figures |= {f"{task}_{key}": rounds[task][0][key] for key in keys}
    return figures | _ratio(rounds), _peers(rounds)


def _ratio(rounds: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    own = median(one["own_s"] for one in rounds["schema_in_memory"])
    theirs = _peers(rounds).values()
    figures = {"schema_in_memory_s": own}
    for spent in theirs:
        figures["schema_ratio_to_pandera"] = spent / own
    return figures


def _peers(rounds: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    theirs = [one["own_s"] for one in rounds[PEER]]
    return {"pandera_schema_in_memory_s": median(theirs)} if theirs else {}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="Parquet file of transactions")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the result")
    parser.add_argument("--task", choices=list(TASKS), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    path = payments(arguments.data)
    if path is None:
        return
    if arguments.task:
        started = clock.perf_counter(), clock.process_time()
        told = TASKS[arguments.task](path)
        spent, cpu = clock.perf_counter() - started[0], clock.process_time() - started[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**told, "seconds": spent, "cpu_s": cpu, "peak_mb": peak}))
        return
    import tempfile  # noqa: PLC0415  for the one that starts the others

    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_CHECKS_TABLE"] = str(Path(folder) / "prepared.parquet")
        prepared(path)
        load = os.getloadavg()[0]
        figures, peers = measure(path, arguments.repeats)
    figures["load_at_start"] = load
    record("data_checks", figures=figures, peers=peers, out=arguments.json)
    for name, value in {**figures, **peers}.items():
        print(f"{name:<36} {value:,.6g}")


if __name__ == "__main__":
    main()
