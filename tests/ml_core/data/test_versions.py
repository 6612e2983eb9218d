"""A digest of what a table says, and the difference of two."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.data.content import ContentDigest, content_sha256
from ml_core.data.diff import compare
from ml_core.data.schema import Column, Schema

SCHEMA = Schema(
    (
        Column("id", "id", "Name", "Its name.", unique=True, role="key"),
        Column("time", "time", "Time", "When.", nullable=True),
        Column("amount", "number", "Amount", "How much.", nullable=True),
        Column("note", "text", "Note", "What.", nullable=True, required=False),
        Column("bad", "flag", "Bad", "Truth.", nullable=True, role="label"),
    )
)
KEYLESS = Schema(tuple(column for column in SCHEMA.columns if column.name != "id"))
START = datetime.fromisoformat("2024-01-01T00:00:00")


def table(n: int = 6) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [f"p{i}" for i in range(n)],
            "time": [START + timedelta(minutes=i) for i in range(n)],
            "amount": [float(i) for i in range(n)],
            "note": ["ä" * (i % 3) or None for i in range(n)],
            "bad": pl.Series([i % 2 for i in range(n)], dtype=pl.Int8),
        }
    )


# -- content -------------------------------------------------------------------------------------


@given(st.permutations(SCHEMA.names), st.sets(st.integers(1, 5)))
def test_the_digest_depends_neither_on_the_order_of_columns_nor_on_chunks(names, cuts):
    digest = ContentDigest(SCHEMA)
    edges = [0, *sorted(cuts), 6]
    for start, stop in itertools.pairwise(edges):
        digest.add(table().select(names).slice(start, stop - start))

    assert digest.hexdigest() == content_sha256(SCHEMA, table())


@pytest.mark.parametrize(
    "change",
    [
        {"amount": pl.col("amount") + 1e-9},
        {"note": pl.col("note").fill_null("")},
        {"time": pl.col("time") + timedelta(microseconds=1)},
        {"bad": pl.lit(None, pl.Int8)},
        {"id": pl.col("id").reverse()},
    ],
    ids=["a cell", "empty is not a text", "a moment", "no labels", "the order of rows"],
)
def test_the_digest_is_another_for_other_rows(change):
    assert content_sha256(SCHEMA, table().with_columns(**change)) != content_sha256(SCHEMA, table())


@given(st.lists(st.text(max_size=3), min_size=2, max_size=5))
def test_texts_do_not_run_into_each_other(texts):
    schema = Schema((SCHEMA["note"],))
    moved = [texts[0] + texts[1], "", *texts[2:]]
    one, other = (content_sha256(schema, pl.DataFrame({"note": t})) for t in (texts, moved))

    assert (one == other) == (texts == moved)


def test_a_column_without_a_value_is_a_column_that_is_not_there():
    empty = table().with_columns(note=pl.lit(None, pl.String))

    assert content_sha256(SCHEMA, empty) == content_sha256(SCHEMA, table().drop("note"))
    assert content_sha256(SCHEMA, table().with_columns(amount=pl.lit(0.0))) == content_sha256(
        SCHEMA, table().with_columns(amount=pl.lit(-0.0))
    )


def test_the_digest_stays_what_it_was():
    """It is kept in databases: another release must give the same."""
    assert content_sha256(SCHEMA, table()) == (
        "1eda9ee2a0b28f55c635e01306c02ca89a32dc10e4a1867cd457962bfa77906d"
    )


# -- difference ----------------------------------------------------------------------------------


def test_rows_are_known_again_by_their_key():
    new = pl.concat(
        [
            table().slice(1, 4).with_columns(
                amount=pl.when(pl.col("id") == "p2").then(99.0).otherwise("amount"),
                bad=pl.when(pl.col("id") == "p3").then(None).otherwise("bad"),
            ),
            table(8).slice(6, 2),
        ]
    ).reverse()  # fmt: skip

    diff = compare(SCHEMA, table(), new)

    assert diff.by == "id"
    assert (diff.added.n, diff.removed.n, diff.changed.n, diff.n_same) == (2, 2, 2, 2)
    assert diff.added.first == (1, 2)
    assert diff.removed.first == (1, 6)
    assert diff.changed_cells == {"amount": 1, "bad": 1}
    assert not diff.is_same_content


def test_without_a_key_rows_are_counted():
    old = table().drop("id")
    new = pl.concat([old, old.slice(0, 1), old.slice(0, 1)]).slice(1)

    diff = compare(KEYLESS, old, new)

    assert diff.by == ""
    assert (diff.added.n, diff.removed.n, diff.changed.n) == (1, 0, 0)


def test_a_key_that_comes_twice_is_no_key():
    twice = pl.concat([table(), table().slice(0, 1)])

    diff = compare(SCHEMA, table(), twice)

    assert diff.by == ""
    assert diff.added.n == 1


def test_other_columns_are_told_and_do_not_count_as_changed_rows():
    diff = compare(SCHEMA, table(), table().drop("note"))

    assert diff.columns_removed == ("note",)
    assert diff.changed.n == 0


def test_distributions_stand_beside_the_rows():
    old, new = table(500), table(500).with_columns(amount=pl.col("amount") + 1000)

    moved = {one.column: one for one in compare(SCHEMA, old, new).moved}

    assert moved["amount"].shift.effect == 1
    assert moved["bad"].shift.effect == 0


IDS = st.dictionaries(st.integers(0, 9), st.integers(0, 2), max_size=8)


@settings(max_examples=60, deadline=None)
@given(IDS, IDS)
def test_the_numbers_are_those_of_plain_sets_and_mirrored_the_other_way(old, new):
    def frame(rows):
        return pl.DataFrame(
            {"id": [str(k) for k in rows], "amount": [float(v) for v in rows.values()]},
            schema={"id": pl.String, "amount": pl.Float64},
        )

    there, back = (compare(SCHEMA, frame(a), frame(b)) for a, b in ((old, new), (new, old)))

    assert there.added.n == len(new.keys() - old.keys()) == back.removed.n
    assert there.removed.n == len(old.keys() - new.keys()) == back.added.n
    changed = sum(old[k] != new[k] for k in old.keys() & new.keys())
    assert there.changed.n == changed == back.changed.n
    assert there.is_same_content == (list(old.items()) == list(new.items()))
