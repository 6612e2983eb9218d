"""Columns are recognised by name, alias and value; a label is never guessed."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.data.mapping import check_mapping, is_sure, suggest, suggestions
from ml_core.data.preview import ColumnPreview
from ml_core.data.schema import Column, Schema

SCHEMA = Schema(
    (
        Column("payment_id", "id", "Payment", "Its name.", unique=True, role="key"),
        Column("time", "time", "Time", "When.", role="time", aliases=("TX_DATETIME", "timestamp")),
        Column("card", "id", "Card", "Who pays.", aliases=("customer_id", "account_id")),
        Column("amount", "number", "Amount", "How much.", minimum=0, aliases=("tx_amount",)),
        Column(
            "is_fraud", "flag", "Fraud", "The truth.", required=False, nullable=True,
            role="label", aliases=("tx_fraud",),
        ),
    )
)  # fmt: skip


def column(name: str, dtype: str = "text", *samples: str) -> ColumnPreview:
    return ColumnPreview(name, dtype, samples)


ID = column("payment_id", "integer", "1", "2")
TIME = column("TX_DATETIME", "date and time", "2024-01-02 03:04:05")
CARD = column("CUSTOMER_ID", "integer", "7")
AMOUNT = column("TX_AMOUNT", "decimal", "1.5")
FRAUD = column("TX_FRAUD", "integer", "0")
SCENARIO = column("TX_FRAUD_SCENARIO", "integer", "0")
ALL = [ID, TIME, CARD, AMOUNT, FRAUD, SCENARIO]


def test_names_and_aliases_are_found_without_case_and_signs():
    found = suggestions(SCHEMA, ALL)

    assert {name: guess.source for name, guess in found.items()} == {
        "payment_id": "payment_id",
        "time": "TX_DATETIME",
        "card": "CUSTOMER_ID",
        "amount": "TX_AMOUNT",
        "is_fraud": "TX_FRAUD",
    }
    assert is_sure(SCHEMA, found)


def test_a_column_that_leaks_the_label_means_nothing():
    found = suggest(SCHEMA, [ID, TIME, CARD, AMOUNT, SCENARIO])

    assert "TX_FRAUD_SCENARIO" not in found.values()
    assert "is_fraud" not in found


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(string.ascii_letters + "_ ", min_size=1, max_size=12),
            st.sampled_from(["integer", "decimal", "text", "date and time", "empty"]),
            st.sampled_from(["", "1", "x", "2024-01-02"]),
        ),
        max_size=8,
    )
)
def test_no_column_is_used_twice_and_no_label_is_guessed(drawn):
    columns = [column(name, dtype, sample) for name, dtype, sample in drawn]

    found = suggestions(SCHEMA, columns)

    sources = [guess.source for guess in found.values()]
    assert len(sources) == len(set(sources))
    assert set(sources) <= {name for name, _, _ in drawn}
    assert "is_fraud" not in found or found["is_fraud"].confidence >= 0.9


def test_a_right_name_over_wrong_values_is_not_taken():
    found = suggest(SCHEMA, [column("amount", "text", "cheap", "dear"), AMOUNT])

    assert found["amount"] == "TX_AMOUNT"


def test_seconds_from_the_start_are_no_time():
    assert "time" not in suggest(SCHEMA, [column("TX_TIME_SECONDS", "integer", "31", "130")])


def test_two_aliases_leave_a_question():
    found = suggestions(SCHEMA, [*ALL, column("account_id", "integer", "9")])

    assert found["card"].rivals == ("account_id",)
    assert not is_sure(SCHEMA, found)


def test_a_part_of_a_name_is_suggested_but_not_sure():
    found = suggestions(SCHEMA, [ID, TIME, CARD, column("amount of money", "decimal", "2.5")])

    assert found["amount"].source == "amount of money"
    assert not is_sure(SCHEMA, found)


def test_a_very_wide_file_is_looked_through_at_once():
    wide = [column(f"c{i}", "integer", "1") for i in range(2_000)]

    started = time.perf_counter()
    suggest(SCHEMA, [*wide, *ALL])

    assert time.perf_counter() - started < 2.0


GOOD = {
    "payment_id": "payment_id",
    "time": "TX_DATETIME",
    "card": "CUSTOMER_ID",
    "amount": "TX_AMOUNT",
}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": ""}, "missing_column"),
        ({"amount": "NOWHERE"}, "unknown_column"),
        ({"colour": "TX_FRAUD"}, "unknown_column"),
        ({"amount": "CUSTOMER_ID"}, "used_twice"),
        ({"is_fraud": "TX_DATETIME", "time": "TX_FRAUD"}, "wrong_type"),
    ],
)
def test_a_choice_that_cannot_work_is_told(change, code):
    issues = check_mapping(SCHEMA, ALL, GOOD | change)

    assert code in {issue.code for issue in issues}


def test_a_good_choice_has_no_issues():
    assert check_mapping(SCHEMA, ALL, GOOD) == []
