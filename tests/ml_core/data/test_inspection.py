"""What well-formed rows hide is found, in one pass, and without a value of theirs in a word."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.data.inspection.inspector import Inspector
from ml_core.data.inspection.leakage import Leakage, named_like_label
from ml_core.data.inspection.rules import Among, NotAfter, parse_rule
from ml_core.data.schema import Column, Schema
from ml_core.errors import DataError

SCHEMA = Schema(
    (
        Column("id", "id", "Name", "Its name.", unique=True, role="key"),
        Column("time", "time", "Time", "When.", role="time"),
        Column("settled", "time", "Settled", "When paid.", nullable=True, required=False),
        Column("card", "id", "Card", "Who.", personal=True),
        Column("payer", "id", "Payer", "Whose.", required=False),
        Column("kind", "category", "Kind", "Of what kind."),
        Column("amount", "number", "Amount", "How much.", minimum=0),
        Column("is_fraud", "flag", "Fraud", "Truth.", required=False, nullable=True, role="label"),
    )
)
START = datetime.fromisoformat("2024-01-01T00:00:00")


def table(n: int = 2000, seed: int = 0) -> pl.DataFrame:
    """Rows without anything to find."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": [f"p{i}" for i in range(n)],
            "time": [START + timedelta(minutes=i) for i in range(n)],
            "settled": [START + timedelta(minutes=i + 5) for i in range(n)],
            "card": [f"secret-{i}" for i in rng.integers(0, 50, n)],
            "kind": rng.choice(["shop", "web", "atm"], n),
            "amount": rng.gamma(2.0, 20.0, n).round(2),
            "is_fraud": pl.Series(rng.random(n) < 0.1).cast(pl.Int8),
        }
    )


def inspect(frame, *, cuts=(), rules=(), reference=None):
    inspector = Inspector(SCHEMA, rules=rules, reference=reference)
    edges = [0, *sorted(cuts), frame.height]
    for start, stop in itertools.pairwise(edges):
        inspector.add(frame.slice(start, stop - start))
    return inspector.finish()


def found(frame, check, **how):
    return [one for one in inspect(frame, **how) if one.check == check]


def test_clean_rows_are_left_in_peace_even_beside_a_reference():
    assert inspect(table(), reference=[table(seed=1)]) == ()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 1999), max_size=5), st.integers(0, 1000))
def test_the_findings_do_not_depend_on_the_chunks(cuts, seed):
    frame = table(seed=seed % 3)
    frame = pl.concat([frame, frame.slice(seed, 3)]).with_columns(
        amount=pl.when(pl.int_range(pl.len()) == seed).then(1e6).otherwise("amount")
    )

    assert inspect(frame, cuts=set(cuts)) == inspect(frame)


def test_a_name_that_comes_back_is_told_with_its_row():
    frame = pl.concat([table(), table().slice(3, 2)])

    [one] = found(frame, "not_unique")

    assert (one.severity, one.column, one.n_rows, one.rows) == ("error", "id", 2, (2001, 2002))
    [double] = found(frame, "duplicate_row")
    assert double.n_rows == 2


def test_the_same_payment_under_another_name_is_a_double():
    again = table().slice(10, 1).with_columns(id=pl.lit("other"))

    [one] = found(pl.concat([table(), again]), "duplicate_row")

    assert (one.n_rows, one.rows) == (1, (2001,))


def test_the_same_row_under_another_label_is_a_contradiction_and_no_double():
    again = table().slice(10, 1).with_columns(id=pl.lit("other"), is_fraud=1 - pl.col("is_fraud"))
    frame = pl.concat([table(), again])

    [one] = found(frame, "contradictory_label")

    assert (one.column, one.n_rows, one.rows) == ("is_fraud", 1, (2001,))
    assert not found(frame, "duplicate_row")
    unknown = again.with_columns(is_fraud=pl.lit(None, pl.Int8))
    assert not found(pl.concat([table(), unknown]), "contradictory_label")


def test_a_slip_of_the_decimal_point_is_an_outlier_and_a_long_tail_is_none_to_correct():
    slip = pl.int_range(pl.len()).is_in([5, 700])
    frame = table().with_columns(amount=pl.when(slip).then(50_000.0).otherwise("amount"))

    [one] = found(frame, "outlier")

    assert (one.severity, one.rows) == ("warning", (6, 701))
    tail = np.random.default_rng(0).pareto(1.0, 2000)
    [long] = found(table().with_columns(amount=pl.Series(tail)), "outlier")
    assert long.severity == "info"


def test_of_a_constant_column_nothing_is_far():
    assert not found(table().with_columns(amount=pl.lit(5.0)), "outlier")


def test_more_outliers_than_are_kept_are_counted_all_the_same():
    n = 60_000
    rng = np.random.default_rng(0)
    amount = np.where(rng.random(n) < 0.2, 1e6, rng.normal(100, 1, n))
    frame = table(n).with_columns(amount=pl.Series(amount))

    [one] = found(frame, "outlier", cuts=range(5000, n, 5000))

    assert one.n_rows == (amount > 1000).sum()


@pytest.mark.parametrize("kind", ["number", "category", "either end"])
def test_a_column_that_knows_the_answer_is_a_leak(kind):
    label = pl.col("is_fraud")
    noise = pl.Series(np.random.default_rng(3).random(2000))
    leaks = {
        "number": {"amount": label * 50 + noise * 40},
        "category": {"kind": pl.when(label == 1).then(pl.lit("stolen")).otherwise("kind")},
        "either end": {"amount": pl.when(label == 1).then(noise.round() * 900).otherwise(450.0)},
    }

    [one] = found(table().with_columns(**leaks[kind]), "leakage")

    assert one.severity == "error"
    assert one.figures["score"] > 0.99


def test_a_name_of_each_row_does_not_pass_for_a_leak():
    """It tells each label by heart, of the rows that were learnt from."""
    frame = table().with_columns(card=pl.col("id"))

    assert not found(frame, "leakage")


def test_a_leak_of_a_label_with_many_classes_is_found():
    rng = np.random.default_rng(0)
    answer = rng.choice(["red", "green", "blue"], 900)
    frame = pl.DataFrame({"answer": answer, "code": [a[0] for a in answer], "x": rng.random(900)})
    leakage = Leakage("answer", columns=["code", "x"])
    leakage.add(frame, 1)

    assert [one.column for one in leakage.findings()] == ["code"]


def test_few_labels_tell_nothing():
    frame = table(30).with_columns(amount=pl.col("is_fraud") * 5.0)

    assert not found(frame, "leakage")


def test_columns_that_are_named_like_the_label_are_suspected():
    names = ["TX_FRAUD_SCENARIO", "fraudType", "amount_eur", "is_weekend", "target"]

    suspects = [one.column for one in named_like_label(SCHEMA, names)]

    assert suspects == ["TX_FRAUD_SCENARIO", "fraudType", "target"]


def test_other_amounts_other_kinds_and_gaps_are_drift():
    gap = pl.when(pl.int_range(pl.len()) % 2 == 0).then("settled")
    frame = table(seed=1).with_columns(amount=pl.col("amount") * 3, kind=pl.lit("web"), settled=gap)

    drifted = {one.column: one for one in found(frame, "drift", reference=[table()])}

    assert set(drifted) == {"amount", "kind", "settled"}
    assert drifted["amount"].severity == "warning"
    assert drifted["amount"].figures["psi"] > 0.25
    assert drifted["settled"].figures["empty_now"] == 0.5


def test_twenty_rows_that_look_different_by_chance_are_no_drift():
    assert not found(table(20, seed=5), "drift", reference=[table(20)])


def test_a_column_that_one_side_lacks_is_told():
    [one] = found(table().drop("settled"), "schema_changed", reference=[table()])

    assert one.column == "settled"


def test_a_value_that_refers_to_nothing_is_told_by_its_first_row():
    frame = table().with_columns(payer=pl.col("card"))
    lost = pl.when(pl.int_range(pl.len()).is_in([7, 9])).then(pl.lit("nobody")).otherwise("payer")

    [one] = found(
        frame.with_columns(payer=lost), "unknown_reference", rules=[Among("payer", "card")]
    )
    known = Among("card", "card", in_reference=True)
    others = frame.with_columns(card=pl.col("card") + "x")

    assert (one.severity, one.n_rows, one.rows) == ("error", 2, (8,))
    assert not found(frame, "unknown_reference", rules=[Among("payer", "card"), known],
                     reference=[frame])  # fmt: skip
    [all_lost] = found(frame, "unknown_reference", rules=[known], reference=[others])
    assert all_lost.n_rows == 2000


def test_what_is_settled_before_it_was_paid_is_told():
    early = pl.when(pl.int_range(pl.len()) == 4).then(START).otherwise("settled")
    frame = table().with_columns(settled=early)

    [one] = found(frame, "wrong_order", rules=[NotAfter("time", "settled")])

    assert (one.n_rows, one.rows) == (1, (5,))


def test_rules_of_a_schema_are_looked_at_without_being_asked_for():
    schema = Schema(SCHEMA.columns, rules=(NotAfter("settled", "time"),))
    inspector = Inspector(schema)
    inspector.add(table(5))

    assert [one.check for one in inspector.finish()] == ["wrong_order"]


def test_rules_are_read_from_words():
    assert parse_rule("payer among card", SCHEMA, has_reference=False) == Among("payer", "card")
    read = parse_rule(" card among reference.card ", SCHEMA, has_reference=True)
    assert read == Among("card", "card", in_reference=True)
    assert str(read) == "card among reference.card"
    assert parse_rule("time not after settled", SCHEMA, has_reference=False) == NotAfter(
        "time", "settled"
    )


@pytest.mark.parametrize(
    "text",
    ["", "card", "card among reference.card", "card in card", "card among nothing",
     "card not after time", "amount not after time", "a" * 10_000],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused_in_a_sentence(text):
    with pytest.raises(DataError, match="A rule must"):
        parse_rule(text, SCHEMA, has_reference=False)


def test_no_value_stands_in_any_finding():
    frame = pl.concat([table(), table().slice(0, 50)]).with_columns(payer=pl.lit("secret-x"))

    told = inspect(frame, rules=[Among("payer", "card")], reference=[table(seed=1)])

    assert len(told) >= 3
    assert "secret" not in str(told)


@pytest.mark.parametrize("n", [0, 1])
def test_almost_no_rows_are_no_trouble(n):
    assert inspect(table(n), rules=[Among("card", "card")], reference=[table(n)]) == ()
