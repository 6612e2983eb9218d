"""Rolling windows: equal to the published features, against its peers, and over growing sizes.

    python benchmarks/rolling_windows.py --data FILE.parquet

The file has TRANSACTION_ID, TX_DATETIME, CUSTOMER_ID, TERMINAL_ID, TX_AMOUNT and TX_FRAUD; without
--data it is that of the handbook below ASSAY_BENCH_DATA. Windows of 1, 7 and 30 days: of a customer
(count, mean amount), of a terminal 7 days late (count, risk). All contestants start from the same
columns in the order of time and are timed in turns in one run; each must give the same numbers,
else the run ends with an error. If `published_features_sample.parquet` lies beside the data, the
features are compared with it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time as clock
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks._record import RESULTS, payments, record  # noqa: E402
from benchmarks._window_peers import PEERS, assay  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

WINDOWS = (1, 7, 30)
DELAY = 7
PARTS = ("customer", "terminal")
GROWTH = (200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000)


class Table:
    """The columns that every contestant starts from."""

    def __init__(self, path: Path) -> None:
        frame = pl.read_parquet(path).sort("TX_DATETIME", maintain_order=True)
        self.ids = _whole(frame["TRANSACTION_ID"])
        self.time = _whole(frame["TX_DATETIME"].cast(pl.Datetime("us")).to_physical())
        self.customer = _whole(frame["CUSTOMER_ID"])
        self.terminal = _whole(frame["TERMINAL_ID"])
        self.amount = np.ascontiguousarray(frame["TX_AMOUNT"].cast(pl.Float64).to_numpy())
        self.fraud = np.ascontiguousarray(frame["TX_FRAUD"].cast(pl.Float64).to_numpy())

    def work(self, peer: Callable[..., NDArray[np.float64]]) -> dict[str, Callable[[], NDArray]]:
        """Return the two pieces of work: windows of customers, late windows of terminals."""
        return {
            "customer": lambda: peer(self.customer, self.time, self.amount, WINDOWS, 0),
            "terminal": lambda: peer(self.terminal, self.time, self.fraud, WINDOWS, DELAY),
        }


def compare_published(table: Table, path: Path) -> dict[str, float]:
    """Compare with the published features: counts and risks by the bit, means to the cent.

    The published means come from running sums, which drift by some 1e-12. So the means are judged
    by the amounts they stand for: mean times count, in whole cents, must be equal for each row.
    """
    sample = pl.read_parquet(path)
    rows = _rows_of(table.ids, _whole(sample["TRANSACTION_ID"]))
    work = table.work(assay)
    customer, terminal = work["customer"]()[rows], work["terminal"]()[rows]
    risk = np.where(terminal[..., 0] > 0, terminal[..., 1], 0.0)
    counts = cents = risks = 0
    difference = 0.0
    for w, days in enumerate(WINDOWS):
        of_customer = f"CUSTOMER_ID_{{}}_{days}DAY_WINDOW"
        of_terminal = f"TERMINAL_ID_{{}}_{days}DAY_WINDOW"
        number = sample[of_customer.format("NB_TX")].to_numpy()
        mean = sample[of_customer.format("AVG_AMOUNT")].to_numpy()
        counts += int((number != customer[:, w, 0]).sum())
        counts += int((sample[of_terminal.format("NB_TX")].to_numpy() != terminal[:, w, 0]).sum())
        risks += int((sample[of_terminal.format("RISK")].to_numpy() != risk[:, w]).sum())
        mine = customer[:, w, 0] * customer[:, w, 1]
        cents += int((np.rint(mean * number * 100) != np.rint(mine * 100)).sum())
        difference = max(difference, float(np.abs(mean - customer[:, w, 1]).max()))
    figures = {
        "published_rows": len(rows),
        "published_counts_differing": counts,
        "published_risks_differing": risks,
        "published_sums_differing_in_cents": cents,
        "published_mean_max_abs_difference": difference,
    }
    if counts or risks or cents:
        raise SystemExit(f"The published features are not reproduced: {figures}")
    return figures


def race(table: Table, repeats: int) -> tuple[dict[str, float], dict[str, float]]:
    """Time all contestants in turns; return the figures of ours, and the peers' medians.

    A peer far behind the best one is timed twice only: it decides nothing and takes minutes.
    """
    contestants = {"assay": assay, **PEERS}
    figures, first = _hold_together(table)
    best = min(first.values())
    times: dict[str, dict[str, list[float]]] = {name: {} for name in contestants}
    for turn in range(repeats):
        for part in PARTS:
            for name, peer in contestants.items():
                if turn < 2 or name == "assay" or first[name] < 5 * best:
                    seconds, _ = _timed(table.work(peer)[part])
                    times[name].setdefault(part, []).append(seconds)
    middle = {name: {part: median(t) for part, t in of.items()} for name, of in times.items()}
    figures |= {f"{part}_s": seconds for part, seconds in middle["assay"].items()}
    figures |= {f"{part}_ratio_to_best_peer": _ratio(middle, (part,)) for part in PARTS}
    figures["ratio_to_best_peer"] = _ratio(middle, PARTS)
    figures["rows_per_s"] = len(table.time) / sum(middle["assay"].values())
    figures["repeats"] = repeats
    del middle["assay"]
    return figures, {f"{name}_{part}_s": of[part] for name, of in middle.items() for part in PARTS}


def _hold_together(table: Table) -> tuple[dict[str, float], dict[str, float]]:
    """Let each peer do the work once; return how far its means lie from ours, and its seconds."""
    mine = {part: run() for part, run in table.work(assay).items()}
    figures: dict[str, float] = {}
    spent: dict[str, float] = {}
    for name, peer in PEERS.items():
        worst = seconds = 0.0
        for part, run in table.work(peer).items():
            took, found = _timed(run)
            seconds += took
            worst = max(worst, agree(name, part, table, mine[part], found))
        figures[f"{name}_agree_max_abs_difference"] = worst
        spent[name] = seconds
    return figures, spent


def _timed(run: Callable[[], NDArray[np.float64]]) -> tuple[float, NDArray[np.float64]]:
    started = clock.perf_counter()
    found = run()
    return clock.perf_counter() - started, found


def _ratio(middle: dict[str, dict[str, float]], parts: tuple[str, ...]) -> float:
    total = {name: sum(of[part] for part in parts) for name, of in middle.items()}
    return min(seconds for name, seconds in total.items() if name != "assay") / total["assay"]


def agree(
    name: str, part: str, table: Table, mine: NDArray[np.float64], found: NDArray[np.float64]
) -> float:
    """Hold a peer's numbers against ours and return the largest difference of a mean.

    pandas counts, of rows of one moment, only those before: such rows are left out for it.
    """
    keep = np.ones(len(mine), bool)
    if name.startswith("pandas"):
        keep = _alone(table.customer if part == "customer" else table.terminal, table.time)
    if not np.array_equal(mine[keep][..., 0], found[keep][..., 0]):
        raise SystemExit(f"{name} counts otherwise in the {part} windows.")
    np.testing.assert_allclose(found[keep], mine[keep], rtol=1e-9, atol=1e-9)
    return float(np.nanmax(np.abs(found[keep][..., 1] - mine[keep][..., 1])))


def grow(table: Table, sizes: list[int], repeats: int) -> dict[str, float]:
    """Time customer windows over growing tables, in turns; return medians and the slopes.

    Seconds of the processor stand beside those of the clock: other work on the machine moves them
    less. A slope of 1 is linear.
    """
    tables = [tile(table, size) for size in sizes]
    spent = np.empty((repeats + 1, len(sizes), 2))
    for turn in range(repeats + 1):
        for place, (customer, time, amount) in enumerate(tables):
            started = clock.perf_counter(), clock.process_time()
            assay(customer, time, amount, WINDOWS, 0)
            spent[turn, place] = clock.perf_counter(), clock.process_time()
            spent[turn, place] -= started
    figures: dict[str, float] = {}
    middle = np.median(spent[1:], axis=0)
    for size, (wall, processor) in zip(sizes, middle, strict=True):
        figures[f"growth_{size}_rows_s"] = wall
        figures[f"growth_{size}_rows_cpu_s"] = processor
    if len(sizes) > 1:
        wall, processor = np.polyfit(np.log(sizes), np.log(middle), 1)[0]
        figures |= {"growth_slope": wall, "growth_cpu_slope": processor}
    return figures


def tile(table: Table, size: int) -> tuple[NDArray, NDArray, NDArray]:
    """Return a table of another size: fewer customers, or copies of them under new ids.

    Customers come and go whole, so each has as many rows as before; times stay in order.
    """
    copies = -(-size // len(table.time))
    customer = np.repeat(table.customer, copies) * copies + np.tile(
        np.arange(copies), len(table.time)
    )
    # A number drawn for each customer decides whether it stays.
    names, place, n_rows = np.unique(customer, return_inverse=True, return_counts=True)
    order = np.random.default_rng(0).permutation(len(names))
    kept = np.zeros(len(names), bool)
    kept[order[: int(np.searchsorted(np.cumsum(n_rows[order]), size)) + 1]] = True
    rows = np.flatnonzero(kept[place])[:size]
    time, amount = np.repeat(table.time, copies)[rows], np.repeat(table.amount, copies)[rows]
    return customer[rows], time, amount


def draw(figures: dict[str, float], sizes: list[int], path: Path) -> None:
    """Draw seconds over rows, with a straight line of slope one beside them."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "assay"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    seconds = [figures[f"growth_{size}_rows_s"] for size in sizes]
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.loglog(sizes, seconds, "o-", label=f"measured, slope {figures['growth_slope']:.2f}")
    line = [seconds[0] * size / sizes[0] for size in sizes]
    axes.loglog(sizes, line, "--", color="grey", label="linear")
    axes.set(
        xlabel="rows", ylabel="seconds", title="Customer windows of 1, 7, 30 days: count, mean"
    )
    axes.legend()
    axes.grid(visible=True, which="both", alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def _whole(column: pl.Series) -> NDArray[np.int64]:
    return np.ascontiguousarray(column.cast(pl.Int64).to_numpy())


def _rows_of(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.argsort(ids)
    rows = order[np.searchsorted(ids, wanted, sorter=order)]
    if not np.array_equal(ids[rows], wanted):
        raise SystemExit("The published sample has transactions that the data lacks.")
    return rows


def _alone(entity: NDArray[np.int64], time: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which rows share their moment with no other row of their entity."""
    order = np.lexsort((time, entity))
    same = (np.diff(entity[order]) == 0) & (np.diff(time[order]) == 0)
    alone = np.ones(len(time), bool)
    alone[order[1:][same]] = alone[order[:-1][same]] = False
    return alone


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="Parquet file of transactions")
    parser.add_argument(
        "--rows", default=",".join(map(str, GROWTH)), help="sizes of the growth curve"
    )
    parser.add_argument("--repeats", type=int, default=9, help="timed turns, after one that is not")
    parser.add_argument("--json", type=Path, help="where to write the result")
    parser.add_argument(
        "--seeds", default="0", help="kept for one form of all benchmarks; none is used"
    )
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    path = payments(arguments.data)
    if path is None:
        return
    table = Table(path)
    # How busy the machine was with other work: timings beside a high load say little.
    figures: dict[str, float] = {"rows": len(table.time), "load_at_start": os.getloadavg()[0]}
    published = path.parent / "published_features_sample.parquet"
    if published.exists():
        figures |= compare_published(table, published)
    raced, peers = race(table, arguments.repeats)
    figures |= raced
    sizes = [int(size) for size in arguments.rows.split(",") if size]
    figures |= grow(table, sizes, min(arguments.repeats, 7))
    out = arguments.json or RESULTS / "rolling_windows.json"
    if len(sizes) > 1:
        draw(figures, sizes, out.with_suffix(".svg"))
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    record("rolling_windows", seeds=seeds, figures=figures, peers=peers, out=out)
    for name, value in {**figures, **peers}.items():
        print(f"{name:<55} {value:,.6g}")


if __name__ == "__main__":
    main()
