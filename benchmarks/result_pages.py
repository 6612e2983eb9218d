# ruff: noqa: E402, S101, S106  Django must be set up before its models are imported
"""Server time of the pages of a result with 1.75 million rows, cold and warm.

    .venv/bin/python benchmarks/result_pages.py [rows]

A page is measured from the request to the last byte of the answer, in this process, without a
network: "cold" after the cache of decoded columns was emptied, "warm" as the median of five.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tests.settings  # noqa: F401  a home that is thrown away, before Django reads its settings

if TYPE_CHECKING:
    from collections.abc import Callable

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

import numpy as np
import polars as pl
from django.core.management import call_command
from django.test import Client
from django.test.utils import setup_test_environment

from apps.datasets import storage
from apps.datasets.models import Dataset, DatasetVersion
from apps.experiments.models import TrainingRun
from apps.inference import results
from apps.inference.downloads import csv_rows
from apps.inference.models import Prediction
from apps.registry.models import ModelVersion
from benchmarks._record import record
from tests.people import make_people

ROWS = 1_754_155
COLUMNS = [
    {"name": "transaction_id", "kind": "id", "title": "Payment", "unit": ""},
    {"name": "time", "kind": "time", "title": "Time", "unit": ""},
    {"name": "card_id", "kind": "id", "title": "Card", "unit": ""},
    {"name": "terminal_id", "kind": "id", "title": "Terminal", "unit": ""},
    {"name": "amount", "kind": "number", "title": "Amount", "unit": "currency"},
    {"name": "is_fraud", "kind": "flag", "title": "Fraud", "unit": ""},
]
PAGES = {
    "first_page": "",
    "last_page": "?page=999999999",
    "middle_page": "?page=20000",
    "sort_amount": "?sort=-amount",
    "sort_time": "?sort=-time",
    "sort_card": "?sort=card_id",
    "sort_payment": "?sort=transaction_id",
    "alerts_only": "?alert_only=on",
    "text": "?text=123",
    "amount_range_by_time": "?amount_min=100&amount_max=200&sort=-time",
    "row": "rows/1234567/",
}


def result(n_rows: int) -> pl.DataFrame:
    """Make a ranked result with the columns of card payments."""
    rng = np.random.default_rng(0)
    seconds = rng.integers(0, 183 * 86_400, n_rows).astype("timedelta64[s]")
    return pl.DataFrame(
        {
            "rank": np.arange(1, n_rows + 1, dtype=np.uint32),
            "row": rng.permutation(n_rows) + 1,
            "transaction_id": rng.permutation(n_rows).astype(str),
            "time": np.datetime64("2024-04-01", "us") + seconds,
            "card_id": rng.integers(0, 5_000, n_rows).astype(str),
            "terminal_id": rng.integers(0, 10_000, n_rows).astype(str),
            "amount": rng.gamma(2, 30, n_rows).round(2),
            "is_fraud": (rng.random(n_rows) < 0.008).astype(np.int8),
            "score": np.sort(rng.random(n_rows))[::-1],
            "label": np.where(np.arange(n_rows) < n_rows // 100, "fraud", "genuine"),
            "confidence": rng.random(n_rows),
            "alert": np.arange(n_rows) < n_rows // 100,
        }
    )


def stored(n_rows: int) -> Prediction:
    """Keep a result as a scoring would."""
    people = make_people()
    common = {"team": people.team, "created_by": people.alice}
    dataset = Dataset.objects.create(name="Bench", solution="fraud", **common)
    version = DatasetVersion.objects.create(
        dataset=dataset, number=1, state="ready", filename="b.parquet", format="parquet",
        sha256="0" * 64, n_rows=n_rows, **common,
    )  # fmt: skip
    run = TrainingRun.objects.create(
        solution="fraud", dataset_version=version, token="bench", **common
    )
    model = ModelVersion.objects.create(solution="fraud", number=1, run=run, **common)
    with storage.write("bench") as blob:
        result(n_rows).write_parquet(
            blob, compression="zstd", compression_level=1, row_group_size=results.ROW_GROUP
        )
    return Prediction.objects.create(
        solution="fraud", dataset_version=version, model=model, state="succeeded",
        token="bench", columns=COLUMNS, result_blob=blob.name, result_bytes=blob.size,
        n_rows=n_rows, n_alerts=n_rows // 100, seconds=1.0, **common,
    )  # fmt: skip


def milliseconds(
    work: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return how long a piece of work takes."""
    began = clock()
    work()
    return 1000 * (clock() - began)


def main() -> int:
    """Measure each page, and write them to `benchmarks/results/`."""
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    setup_test_environment()
    call_command("migrate", verbosity=0)
    prediction = stored(n_rows)
    browser = Client()
    browser.force_login(
        prediction.created_by, backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    url = prediction.get_absolute_url()
    browser.get(url)  # templates are compiled once in the life of a process
    figures: dict[str, float] = {"rows": n_rows, "result_mb": prediction.result_bytes / 1e6}
    for name, query in PAGES.items():
        results._cache.clear()  # noqa: SLF001  the benchmark decides what is cold
        get = lambda query=query: browser.get(url + query)  # noqa: E731
        assert get().status_code == 200, name
        results._cache.clear()  # noqa: SLF001
        figures[f"{name}_cold_ms"] = milliseconds(get)
        results._cache.clear()  # noqa: SLF001
        # On a busy machine the processor time tells more: of all threads, so an upper bound.
        figures[f"{name}_cold_cpu_ms"] = milliseconds(get, time.process_time)
        figures[f"{name}_warm_ms"] = statistics.median(milliseconds(get) for _ in range(5))
        print(f"{name:24} cold {figures[f'{name}_cold_ms']:7.0f} ms", end="")
        print(f"   cpu {figures[f'{name}_cold_cpu_ms']:6.0f} ms", end="")
        print(f"   warm {figures[f'{name}_warm_ms']:6.0f} ms")
    took = milliseconds(lambda: sum(map(len, csv_rows(prediction)))) / 1000
    figures["csv_rows_per_s"] = n_rows / took
    print(f"CSV {figures['csv_rows_per_s']:,.0f} rows/s")
    record("result_pages", seeds=[0], figures={k: round(v, 1) for k, v in figures.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
