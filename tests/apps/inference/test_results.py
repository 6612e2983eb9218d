from __future__ import annotations

import io
from datetime import datetime

import polars as pl
import pytest
from django.utils import timezone

from apps.datasets import storage
from apps.inference import results
from apps.inference.downloads import csv_rows, parquet_bytes, safe_cells
from apps.inference.forms import RowFilter
from apps.inference.results import Query, ResultTable, sortable
from ml_core.errors import ConfigError
from tests.apps.workshop import payments, scored

# Frames hold UTC without saying so.
ONE = datetime(2024, 1, 1, 1)  # noqa: DTZ001
TWO = datetime(2024, 1, 1, 2)  # noqa: DTZ001


@pytest.fixture
def prediction(people, tmp_path, run_jobs, monkeypatch):
    # Small row groups, so that pages begin and end in the middle of them.
    monkeypatch.setattr(results, "ROW_GROUP", 64)
    monkeypatch.setattr("apps.inference.jobs.ROW_GROUP", 64)
    results._cache.clear()
    return scored(people, tmp_path, run_jobs, payments(300, seed=1))


@pytest.fixture
def truth(prediction) -> pl.DataFrame:
    with storage.open_blob(prediction.result_blob) as file:
        return pl.read_parquet(io.BytesIO(file.read()))


@pytest.mark.parametrize(("start", "size"), [(0, 50), (40, 50), (250, 50), (290, 50), (64, 64)])
@pytest.mark.parametrize("descending", [False, True])
def test_a_page_by_rank_is_that_slice_of_the_file(prediction, truth, start, size, descending):
    page = ResultTable(prediction).page(Query(descending=descending), start, size)

    ordered = truth.reverse() if descending else truth
    assert page.frame.equals(ordered.slice(start, size))
    assert page.total == 300


def test_a_page_past_the_end_is_empty(prediction):
    page = ResultTable(prediction).page(Query(), 300, 50)

    assert page.frame.height == 0


def test_a_page_by_rank_reads_only_its_row_group(prediction, monkeypatch):
    read = []
    opened = results._ClosingParquetFile.read_row_group
    monkeypatch.setattr(
        results._ClosingParquetFile,
        "read_row_group",
        lambda self, index: read.append(index) or opened(self, index),
    )

    ResultTable(prediction).page(Query(), 130, 50)

    assert read == [2]


@pytest.mark.parametrize("name", ["amount", "card_id", "payment_id", "time", "label", "score"])
@pytest.mark.parametrize("descending", [False, True])
def test_any_column_sorts_as_polars_does_with_ties_by_rank(prediction, truth, name, descending):
    page = ResultTable(prediction).page(Query(sort=name, descending=descending), 10, 80)

    expected = truth.sort([name, "rank"], descending=[descending, False]).slice(10, 80)
    assert page.frame.equals(expected)


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        (Query(min_score=0.3), pl.col("score") >= 0.3),
        (Query(alert_only=True), pl.col("alert")),
        (Query(text="c1"), pl.any_horizontal(pl.col("card_id", "payment_id").str.contains("c1"))),
        (Query(amount_min=20, amount_max=30), pl.col("amount").is_between(20, 30)),
        (
            Query(time_from=ONE, time_to=TWO),
            pl.col("time").is_between(ONE, TWO),
        ),
        (
            Query(sort="amount", descending=True, alert_only=True, text="c2"),
            pl.col("alert") & pl.col("card_id").str.contains("c2"),
        ),
        (Query(min_score=2.0), pl.col("score") >= 2.0),
    ],
)
def test_filters_keep_what_polars_keeps(prediction, truth, query, condition):
    page = ResultTable(prediction).page(query, 0, 300)

    kept = truth.filter(condition)
    if query.sort != "rank":
        kept = kept.sort([query.sort, "rank"], descending=[query.descending, False])
    assert page.total == kept.height
    assert page.frame.equals(kept)


def test_text_is_looked_for_as_it_is_and_not_as_a_pattern(prediction):
    page = ResultTable(prediction).page(Query(text="=SUM(A1)"), 0, 10)

    assert page.total == 1


def test_sorting_by_an_unknown_column_names_the_known_ones(prediction):
    with pytest.raises(ConfigError, match="sort must be a column"):
        ResultTable(prediction).page(Query(sort="nothing"), 0, 50)


def test_a_row_is_found_by_its_number_and_by_its_rank(prediction, truth):
    table = ResultTable(prediction)

    row = table.row(17)

    assert row == truth.filter(pl.col("row") == 17).row(0, named=True)
    assert table.at_rank(row["rank"]) == row
    assert table.row(301) is None
    assert table.at_rank(0) is None
    assert table.at_rank(301) is None


def test_text_of_digits_sorts_as_numbers():
    column = pl.Series("id", ["10", "9", None, "100"])

    assert sortable(column).arg_sort(nulls_last=True).to_list() == [1, 0, 3, 2]


def test_other_text_sorts_as_text_also_when_it_is_ranked():
    column = pl.Series("id", ["b", "a", None, "a10", "a9"] * 4)

    ranked = sortable(column)

    assert ranked.dtype == pl.UInt32
    assert column[ranked.arg_sort(nulls_last=True)].to_list() == [
        *["a"] * 4, *["a10"] * 4, *["a9"] * 4, *["b"] * 4, *[None] * 4,
    ]  # fmt: skip


def test_the_cache_forgets_the_oldest_beyond_its_size():
    cache = results._Cache(100)

    cache.put("a", 1, 60)
    cache.put("b", 2, 60)

    assert cache.get("a") is None
    assert cache.get("b") == 2


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_cell_that_a_spreadsheet_would_run_is_disarmed(start):
    frame = pl.DataFrame({"text": [f"{start}cmd", "plain", None], "number": [-1.5, 2, 3]})

    safe = safe_cells(frame)

    assert safe["text"].to_list() == [f"'{start}cmd", "plain", None]
    assert safe["number"].to_list() == [-1.5, 2, 3]


def test_the_csv_has_all_rows_in_order_under_one_head(prediction, truth):
    text = b"".join(csv_rows(prediction)).decode()

    read = pl.read_csv(io.StringIO(text), infer_schema_length=None)
    assert read["row"].to_list() == truth["row"].to_list()
    assert "'=SUM(A1)" in read["card_id"].to_list()
    assert text.count("payment_id") == 1


def test_the_parquet_is_the_result_itself(prediction, truth):
    read = pl.read_parquet(io.BytesIO(b"".join(parquet_bytes(prediction))))

    assert read.equals(truth)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2024-03-31T02:30", datetime(2024, 3, 31, 2, 30)),  # noqa: DTZ001  no such time in Berlin
        ("2024-01-02T00:00:00Z", datetime(2024, 1, 2)),  # noqa: DTZ001
        ("2024-01-02T01:00:00+01:00", datetime(2024, 1, 2)),  # noqa: DTZ001
    ],
)
def test_moments_are_in_utc_wherever_the_reader_is(prediction, typed, meant):
    with timezone.override("Europe/Berlin"):
        form = RowFilter(prediction, {"time_from": typed})

        assert form.is_valid()
        assert form.query.time_from == meant
