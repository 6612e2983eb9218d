"""Are features the same in training and in serving, to the last bit, and how fast are both?

    python benchmarks/feature_parity.py --data FILE.parquet

The file has TRANSACTION_ID, TX_DATETIME, CUSTOMER_ID, TERMINAL_ID, TX_AMOUNT and TX_FRAUD; without
--data it is that of the handbook below ASSAY_BENCH_DATA, else the payments are simulated. The last
100,000 payments are replayed one by one through the online store, which was loaded with
those before them: each looks up its own features, then comes in. They are compared with what a
training joins offline. Two views: what a card pays, and known frauds at a terminal (90 days, a week
late). SQLite, and Redis where a server is installed; both stores and the offline features take
turns in one run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time as clock
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks._record import HANDBOOK, data_root, record  # noqa: E402
from ml_core.features.compute import compute  # noqa: E402
from ml_core.features.join import point_in_time_join  # noqa: E402
from ml_core.features.online import OnlineView, table_of  # noqa: E402
from ml_core.features.redis_store import RedisStore  # noqa: E402
from ml_core.features.rows import times  # noqa: E402
from ml_core.features.sqlite_store import SqliteStore  # noqa: E402
from solutions.fraud.simulate import simulate  # noqa: E402
from solutions.fraud.views import VIEWS  # noqa: E402
from tests.reliability.redis_server import redis_server  # noqa: E402

if TYPE_CHECKING:
    from ml_core.features.online import Store
    from ml_core.features.view import FeatureView

COLUMNS = {
    "TRANSACTION_ID": "transaction_id", "TX_DATETIME": "time", "CUSTOMER_ID": "card_id",
    "TERMINAL_ID": "terminal_id", "TX_AMOUNT": "amount", "TX_FRAUD": "is_fraud",
}  # fmt: skip
CHOSEN = [view for view in VIEWS if view.name in {"card_activity", "terminal_record"}]
REPEATS = 3


def file_of(given: Path | None) -> Path | None:
    """Return the file that was given, else the handbook's, if there is one."""
    root = data_root()
    path = given or (root / HANDBOOK if root else None)
    return path if path is not None and path.exists() else None


def read(path: Path | None, seed: int) -> pl.DataFrame:
    """Return payments in the order of time: of a file, else simulated."""
    if path is None:
        return simulate(3000, 1500, 60, seed=seed)
    frame = pl.read_parquet(path, columns=list(COLUMNS)).rename(COLUMNS)
    ids = [pl.col(name).cast(pl.String) for name in ("transaction_id", "card_id", "terminal_id")]
    return frame.with_columns(*ids, pl.col("time").cast(pl.Datetime("us"))).sort("time")


def offline(view: FeatureView, payments: pl.DataFrame) -> tuple[pl.DataFrame, float]:
    """Return the features of all payments, and the median of how long they took."""
    took = []
    for _ in range(REPEATS):
        began = clock.perf_counter()
        table = compute(view, payments)
        took.append(clock.perf_counter() - began)
    return table, median(took)


def replay(
    view: FeatureView, store: Store, past: pl.DataFrame, stream: pl.DataFrame
) -> tuple[pl.DataFrame, float, np.ndarray]:
    """Load what came before, replay the stream; return features, seconds, and each look-up's."""
    online = OnlineView(view, store, view.name)
    online.load(past, newest=int(times(stream["time"])[0]))
    entities, moments = stream[view.entity].to_list(), times(stream["time"]).tolist()
    values = stream.select(pl.col(view.values).cast(pl.Float64)).rows()
    keys = stream["transaction_id"].to_list()
    found, took = [], np.empty(len(moments))
    began = clock.perf_counter()
    for place, (entity, at) in enumerate(zip(entities, moments, strict=True)):
        asked = clock.perf_counter()
        found += online.look_up([entity], [at])
        took[place] = clock.perf_counter() - asked
        online.add(entity, at, values[place], keys[place])
    seconds = clock.perf_counter() - began
    if not all(one.is_complete for one in found):
        raise SystemExit("The store must keep all that a look-up needs. It forgot some.")
    return table_of(view, entities, moments, found), seconds, took


def compare(view: FeatureView, one: pl.DataFrame, other: pl.DataFrame) -> tuple[int, float, int]:
    """Return how many figures have other bits, the largest difference, and how many there are."""
    unequal, largest = 0, 0.0
    for name in view.features:
        left, right = (t[name].fill_null(np.nan).to_numpy() for t in (one, other))
        # Missing on both sides has the same bits, since one NaN stands for it.
        unequal += int((left.view(np.int64) != right.view(np.int64)).sum())
        largest = max(largest, float(np.nan_to_num(np.abs(left - right)).max(initial=0.0)))
    return unequal, largest, len(view.features) * one.height


def stores(stack: ExitStack, folder: Path) -> dict[str, Store]:
    """Open the stores that there are here."""
    found: dict[str, Store] = {
        "sqlite": stack.enter_context(SqliteStore(folder / "online.sqlite3"))
    }
    if shutil.which("redis-server"):
        url = stack.enter_context(redis_server(folder))
        found["redis"] = stack.enter_context(RedisStore(url))
    return found


def measure(payments: pl.DataFrame, n_rows: int) -> dict[str, float]:
    """Replay and compare in each store; return the figures."""
    past, stream = payments.head(-n_rows), payments.tail(n_rows)
    figures = {"rows": stream.height, "rows_before": past.height}
    sums = {"unequal": 0, "compared": 0}
    largest = offline_s = 0.0
    spent: dict[str, float] = {}
    looked: dict[str, list[np.ndarray]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        opened = stores(stack, Path(folder))
        for view in CHOSEN:
            table, seconds = offline(view, payments)
            offline_s += seconds
            joined = joined_offline(view, table, stream)
            for name, store in opened.items():
                served, seconds, took = replay(view, store, past, stream)
                unequal, apart, n = compare(view, served, joined)
                sums = {"unequal": sums["unequal"] + unequal, "compared": sums["compared"] + n}
                largest = max(largest, apart)
                spent[name] = spent.get(name, 0.0) + seconds
                looked.setdefault(name, []).append(took)
                print(f"{view.name} {name}: {unequal} of {n:,} differ, {seconds:.1f} s", flush=True)
    figures |= sums | {"largest_difference": largest}
    figures["offline_rows_per_s"] = payments.height * len(CHOSEN) / offline_s
    figures["online_rows_per_s"] = stream.height * len(CHOSEN) / spent["sqlite"]
    for name, seconds in spent.items():
        took = np.concatenate(looked[name]) * 1e3
        figures[f"online_rows_per_s_{name}"] = stream.height * len(CHOSEN) / seconds
        figures[f"look_up_p50_ms_{name}"] = float(np.percentile(took, 50))
        figures[f"look_up_p99_ms_{name}"] = float(np.percentile(took, 99))
    return figures


def joined_offline(view: FeatureView, table: pl.DataFrame, stream: pl.DataFrame) -> pl.DataFrame:
    """Return what a training would join to the payments of the stream."""
    events = stream.select("transaction_id", view.entity, view.time)
    features = table.drop("transaction_id")
    return point_in_time_join(events, features, on=view.entity, at=view.time)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int, default=100_000, help="payments that are replayed")
    parser.add_argument("--seed", type=int, default=0, help="of simulated payments")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    path = file_of(given.data)
    figures = measure(read(path, given.seed), given.rows)
    print(figures)
    seeds = [] if path else [given.seed]
    record("feature_parity", seeds=seeds, figures=figures, out=given.json)
    if figures["unequal"]:
        raise SystemExit(f"Training and serving must see the same. {figures['unequal']} differ.")


if __name__ == "__main__":
    main()
