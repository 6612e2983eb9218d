"""The neighbours of a payment: earlier payments of its card, known payments at its terminal.

A neighbour is a row of numbers. Facts about the neighbour that need no label are read as of its
own time. Its label is read only when it is at least `delay` older than the payment that asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernels.temporal_neighbors import temporal_neighbors
from solutions.fraud.features import EARLIER, Facts
from solutions.fraud.options import DAY

if TYPE_CHECKING:
    from ml_core.typing import Float32Array, IntArray
    from solutions.fraud.ledger import Lane

CARD_FACTS = (
    "amount",
    "amount_ratio",
    "amount_distance",
    "terminal_risk_28d",
    "terminal_odd_28d",
    "hour_sin",
    "hour_cos",
)
CARD_COLUMNS = (
    "present",
    "age",
    "same_terminal",
    "known_fraud",
    "known_genuine",
    "amount_step",
    *CARD_FACTS,
)
TERMINAL_FACTS = ("amount", "amount_ratio", "amount_distance", "card_large_14d")
TERMINAL_COLUMNS = (
    "present",
    "age",
    "same_card",
    "fraud",
    "odd",
    "elsewhere",
    "amount_step",
    *TERMINAL_FACTS,
)


@dataclass(frozen=True, slots=True)
class Neighbourhoods:
    """Whom to ask for each of m target rows; -1 where there is nobody."""

    facts: Facts
    rows: IntArray  # (m,) rows of the ledger
    card: IntArray  # (m, k)
    terminal: IntArray  # (m, k)
    card_facts: Float32Array  # (n, len(CARD_FACTS))
    terminal_facts: Float32Array  # (n, len(TERMINAL_FACTS))

    @classmethod
    def of(cls, facts: Facts, rows: IntArray, k: int) -> Neighbourhoods:
        """Look up the neighbours of the target rows."""
        ledger = facts.ledger
        settled = max(facts.delay, EARLIER)
        return cls(
            facts=facts,
            rows=rows,
            card=_last(ledger.by_card, ledger.time, rows, k, 0),
            terminal=_last(ledger.by_terminal, ledger.time, rows, k, settled),
            card_facts=np.stack([facts.column(name) for name in CARD_FACTS], axis=1),
            terminal_facts=np.stack([facts.column(name) for name in TERMINAL_FACTS], axis=1),
        )

    def edges(self, chosen: slice | IntArray) -> tuple[Float32Array, Float32Array]:
        """Describe the neighbours of some targets.

        Shapes: c chosen -> (c, k, len(CARD_COLUMNS)), (c, k, len(TERMINAL_COLUMNS)).
        """
        return self._of_card(chosen), self._of_terminal(chosen)

    def _of_card(self, chosen: slice | IntArray) -> Float32Array:
        facts, ledger = self.facts, self.facts.ledger
        near, rows = self.card[chosen], self.rows[chosen, None]
        age = ledger.time[rows] - ledger.time[near]
        # The one place where a label of the card is read: it must be old enough.
        known = (age >= max(facts.delay, EARLIER)) & ledger.known[near]
        fraud = ledger.fraud[near] > 0
        terminal = ledger.by_terminal.entity
        amount = facts.column("amount")
        return _edges(
            near,
            self.card_facts,
            _log_days(age),
            terminal[near] == terminal[rows],
            known & fraud,
            known & ~fraud,
            amount[rows] - amount[near],
        )

    def _of_terminal(self, chosen: slice | IntArray) -> Float32Array:
        facts, ledger = self.facts, self.facts.ledger
        near, rows = self.terminal[chosen], self.rows[chosen, None]
        card = ledger.by_card.entity
        amount = facts.column("amount")
        return _edges(
            np.where(ledger.known[near], near, -1),
            self.terminal_facts,
            _log_days(ledger.time[rows] - ledger.time[near] - facts.delay),
            card[near] == card[rows],
            ledger.fraud[near],
            facts.odd[near],
            np.log1p(facts.elsewhere[near]),
            amount[rows] - amount[near],
        )


def _last(lane: Lane, time: IntArray, rows: IntArray, k: int, delay: int) -> IntArray:
    """Find the last k payments of each target's entity. Shapes: rows (m,) -> (m, k)."""
    near = temporal_neighbors(
        lane.entity, time, k, delay=delay, query_entity=lane.entity[rows], query_time=time[rows]
    )
    return near.astype(np.int32)  # half the memory, and no file has 2**31 rows


def _edges(near: IntArray, facts: Float32Array, *columns: np.ndarray) -> Float32Array:
    """Put presence, the given columns and the neighbour's facts side by side; absent ones are 0."""
    out = np.empty((*near.shape, 1 + len(columns) + facts.shape[1]), dtype=np.float32)
    out[:, :, 0] = 1.0
    for number, column in enumerate(columns, start=1):
        out[:, :, number] = column
    out[:, :, 1 + len(columns) :] = facts[near]
    out[near < 0] = 0.0
    return out


def _log_days(microseconds: IntArray) -> Float32Array:
    days = np.clip(microseconds / DAY, 0.0, 365.0)
    return np.log1p(days).astype(np.float32)
