"""What lay around a payment at its moment: the card's timeline, and the graph of who met whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernels.temporal_neighbors import temporal_neighbors
from solutions.blocks import Edge, Event, Graph, Node, Timeline, Tone
from solutions.fraud.features import EARLIER, Facts
from solutions.fraud.ledger import HABIT, Lane
from solutions.fraud.reasons import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_core.typing import Frame, IntArray

SHOWN = 8  # neighbours on each side of the graph


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Earlier payments around m target rows, -1 for none, newest first."""

    facts: Facts
    frame: Frame
    rows: IntArray  # (m,)
    of_card: IntArray  # (m, HABIT)
    of_terminal: IntArray  # (m, SHOWN)
    known_at: dict[int, IntArray]  # row -> (SHOWN, SHOWN): known payments where the card was

    @classmethod
    def of(cls, facts: Facts, frame: Frame, rows: IntArray) -> Surroundings:
        """Look up what is shown around the target rows."""
        ledger = facts.ledger
        time = ledger.time[rows]
        of_card = _last(facts, ledger.by_card, ledger.by_card.entity[rows], time, HABIT)
        of_terminal = _last(facts, ledger.by_terminal, ledger.by_terminal.entity[rows], time, SHOWN)
        places = ledger.by_terminal.entity[of_card[:, :SHOWN]]
        known = _last(
            facts,
            ledger.by_terminal,
            places.ravel(),
            np.repeat(time, SHOWN),
            SHOWN,
            delay=max(facts.delay, EARLIER),
        ).reshape(len(rows), SHOWN, SHOWN)
        return cls(
            facts, frame, rows, of_card, of_terminal, dict(zip(rows.tolist(), known, strict=True))
        )

    def timeline(self, number: int) -> Timeline:
        """Show the card's last payments and this one, against its usual amounts."""
        row, near = int(self.rows[number]), _present(self.of_card[number])
        amounts = self.facts.ledger.amount[near]
        low, high = (np.quantile(amounts, (0.1, 0.9))) if len(near) > 3 else (None, None)
        events = [self._event(int(other), row) for other in near[::-1]]
        events.append(self._event(row, row))
        return Timeline(
            "The card's payments until then",
            events,
            unit="currency of the file",
            usual_low=None if low is None else float(low),
            usual_high=None if high is None else float(high),
            hint="The band holds the middle 80 % of the card's last payments. Red and green are "
            "outcomes that were known by then; grey ones were not.",
        )

    def _event(self, other: int, row: int) -> Event:
        when = moment(self.facts, other)
        outcome, tone = self._outcome(other, row)
        place = self.frame["terminal_id"][other]
        return Event(
            at=when.isoformat().replace("+00:00", "Z"),
            value=float(self.facts.ledger.amount[other]),
            title=f"{self.facts.ledger.amount[other]:,.2f} at {place}: {outcome}",
            tone="warning" if other == row else tone,
            current=other == row,
        )

    def _outcome(self, other: int, row: int) -> tuple[str, Tone]:
        """Say what was known of a payment at the moment of another one."""
        ledger = self.facts.ledger
        age = int(ledger.time[row] - ledger.time[other])
        if other == row:
            return "this payment", "neutral"
        if age < max(self.facts.delay, EARLIER) or not ledger.known[other]:
            return "not known then", "neutral"
        return ("fraud", "bad") if ledger.fraud[other] > 0 else ("genuine", "good")

    def graph(self, number: int) -> Graph:
        """Show where the card was last, and which cards were last at the terminal."""
        row = int(self.rows[number])
        card, terminal = self.frame["card_id"][row], self.frame["terminal_id"][row]
        nodes = {
            f"card {card}": Node(f"card {card}", str(card), "card", current=True),
            f"terminal {terminal}": Node(
                f"terminal {terminal}", str(terminal), "terminal", current=True
            ),
        }
        edges = [Edge(f"card {card}", f"terminal {terminal}", "this payment", "warning")]
        self._add_places(number, nodes, edges)
        self._add_cards(number, nodes, edges)
        return Graph(
            "Who met whom",
            list(nodes.values()),
            edges,
            hint="The card's last terminals, and the last cards at this terminal. Red marks "
            "frauds that were known by then.",
        )

    def _add_places(self, number: int, nodes: dict[str, Node], edges: list[Edge]) -> None:
        row = int(self.rows[number])
        card = f"card {self.frame['card_id'][row]}"
        for place, other in enumerate(self.of_card[number, :SHOWN].tolist()):
            if other < 0:
                continue
            name = str(self.frame["terminal_id"][other])
            title, tone = self._record(self.known_at[row][place])
            nodes.setdefault(
                f"terminal {name}", Node(f"terminal {name}", name + title, "terminal", tone)
            )
            edges.append(Edge(card, f"terminal {name}", *self._outcome(other, row)))

    def _add_cards(self, number: int, nodes: dict[str, Node], edges: list[Edge]) -> None:
        row = int(self.rows[number])
        terminal = f"terminal {self.frame['terminal_id'][row]}"
        for other in _present(self.of_terminal[number]).tolist():
            name = str(self.frame["card_id"][other])
            outcome, tone = self._outcome(other, row)
            node = Node(f"card {name}", name, "card", "bad" if tone == "bad" else "neutral")
            nodes.setdefault(f"card {name}", node)
            edges.append(Edge(f"card {name}", terminal, outcome, tone))

    def _record(self, known: IntArray) -> tuple[str, Tone]:
        near = _present(known)
        near = near[self.facts.ledger.known[near]]
        n_frauds = int(self.facts.ledger.fraud[near].sum())
        if not n_frauds:
            return "", "neutral"
        return f" ({n_frauds} of {len(near)} known: fraud)", "bad"


def _last(
    facts: Facts, lane: Lane, entity: IntArray, time: IntArray, k: int, *, delay: int = 0
) -> IntArray:
    return temporal_neighbors(
        lane.entity, facts.ledger.time, k, delay=delay, query_entity=entity, query_time=time
    )


def _present(near: IntArray | Sequence[int]) -> IntArray:
    found = np.asarray(near)
    return found[found >= 0]
