"""Reasons in words: what each family of features says about a payment, as known at its moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from solutions.fraud.features import Facts

Sentence = Callable[[Facts, int], tuple[str, str]]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def say(family: str, facts: Facts, row: int) -> tuple[str, str]:
    """Return a sentence about a family for a row of the ledger, and its key value as text."""
    return SENTENCES[family](facts, row)


def moment(facts: Facts, row: int) -> datetime:
    """Return the time of a payment."""
    return EPOCH + timedelta(microseconds=int(facts.ledger.time[row]))


def _count(facts: Facts, name: str, row: int) -> int:
    return round(float(np.expm1(facts.column(name)[row])))


def _times(n: int) -> str:
    return {0: "not once", 1: "once", 2: "twice"}.get(n, f"{n:,} times")


def factor_in_words(factor: float) -> str:
    """Write a factor with a digit that says something: 3.1, but 0.008 and not 0.0."""
    return f"{factor:,.1f}" if factor >= 1 else f"{factor:.1g}"


def _payments(n: int) -> str:
    return "one payment" if n == 1 else f"{n:,} payments"


def _clock(facts: Facts, row: int) -> tuple[str, str]:
    when = moment(facts, row)
    text = f"It was made on a {when:%A} at {when:%H:%M} UTC"
    if _count(facts, "card_payments", row) >= 5 and facts.column("hour_usual")[row] < -0.2:
        text += ", far from the hours at which the card usually pays"
    return f"{text}.", f"{when:%a %H:%M}"


def _amount(facts: Facts, row: int) -> tuple[str, str]:
    amount, usual = float(facts.ledger.amount[row]), float(facts.habit.median[row])
    if not _count(facts, "card_payments", row):
        return "It is the first payment seen of this card: no habit to compare with.", "first"
    factor = (amount + 1.0) / (usual + 1.0)
    if factor >= 1.3:
        text = (
            f"The amount of {amount:,.2f} is {factor_in_words(factor)} times "
            f"the card's usual {usual:,.2f}."
        )
    elif factor <= 0.5:
        text = f"The amount of {amount:,.2f} is well below the card's usual {usual:,.2f}."
    else:
        text = f"The amount of {amount:,.2f} is near the card's usual {usual:,.2f}."
    return text, f"x {factor_in_words(factor)}"


def _pace(facts: Facts, row: int) -> tuple[str, str]:
    day, month = _count(facts, "card_count_1d", row), _count(facts, "card_count_28d", row)
    text = (
        f"The card paid {_times(day)} in the 24 hours before, "
        f"{month / 28:.1f} times a day over 28 days."
    )
    return text, f"{day} a day"


def _burst(facts: Facts, row: int) -> tuple[str, str]:
    large, all_ = (_count(facts, name, row) for name in ("card_large_14d", "card_large_28d"))
    if not all_:
        return "None of the card's payments of the last 28 days was far above its habit.", "0"
    text = (
        f"Of the card's earlier payments, {large:,} of the last 14 days and {all_:,} of the last "
        "28 days were far above its habit."
    )
    return text, f"{large}"


def _card_record(facts: Facts, row: int) -> tuple[str, str]:
    known, fraud = (_count(facts, name, row) for name in ("card_known_ever", "card_fraud_ever"))
    if not known:
        return "Nothing is known yet of this card's earlier payments.", "unknown"
    text = f"Of {_payments(known)} of this card with a known outcome, {fraud:,} were frauds."
    return text, f"{fraud} of {known}"


def _crowd(facts: Facts, row: int) -> tuple[str, str]:
    hour, day = (_count(facts, f"terminal_count_{span}", row) for span in ("1h", "1d"))
    step = float(facts.column("amount_to_terminal_mean")[row])
    text = (
        f"The terminal was paid {_times(hour)} in the hour and {_times(day)} in the day before; "
        f"this amount is {factor_in_words(np.exp(step))} times its mean."
    )
    return text, f"{day} a day"


def _terminal_record(facts: Facts, row: int) -> tuple[str, str]:
    known = _count(facts, "terminal_known_28d", row)
    if not known:
        return "No outcome of the terminal's last 28 known days has come in yet.", "unknown"
    risk = float(facts.column("terminal_risk_28d")[row])
    fraud, run = round(risk * (known + 0.5)), _count(facts, "terminal_run", row)
    text = f"Of {_payments(known)} at this terminal with a known outcome, {fraud:,} were frauds"
    text += f", the last {run:,} of them without a break." if run > 1 else "."
    return text, f"{fraud} of {known}"


def _pair(facts: Facts, row: int) -> tuple[str, str]:
    before, new = (_count(facts, name, row) for name in ("pair_payments", "card_new_1d"))
    if not before:
        text = "The card never paid at this terminal before"
        text += f", nor at {new:,} others of the 24 hours before." if new else "."
        return text, "0"
    return f"The card paid at this terminal {_times(before)} before.", f"{before}"


SENTENCES: dict[str, Sentence] = {
    "clock": _clock,
    "amount": _amount,
    "pace": _pace,
    "burst": _burst,
    "card_record": _card_record,
    "crowd": _crowd,
    "terminal_record": _terminal_record,
    "pair": _pair,
}
