"""A small world of card payments with fraud in it, for the demo and for tests.

Cards live on a map, have a budget, a daily rhythm and favourite terminals; terminals have a
trade, which sets what people pay there. Into the genuine payments four kinds of fraud are woven:

- *stolen*: a card is copied and used for some days, in bursts, at terminals the owner never
  visits, for several times of what the owner usually pays;
- *skimmed*: a terminal leaks its cards for some weeks: most of its payments are disputed, though
  nothing about their amounts is unusual;
- *tested*: within an hour or two one terminal sees tiny payments of many cards; some of these
  cards are charged a large amount the next days;
- *bust-out*: a terminal opened by fraudsters takes growing round amounts from a few cards.

The world drifts: prices rise, new cards and terminals appear, and the mix of frauds changes in
the middle of the time span. All numbers follow from one seed. Nothing here describes real
people, and the fraud model is told none of these rules.

Use: python -m solutions.fraud.simulate --cards 5000 --terminals 3000 --days 120 --out FILE
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from ml_core.typing import BoolArray, FloatArray, Frame, IntArray

SECONDS = 86_400
START = datetime(2025, 1, 1)  # noqa: DTZ001  frames carry UTC without a zone
TRADES = ("grocery", "fuel", "restaurant", "fashion", "electronics", "online")
PRICE = np.array([28.0, 52.0, 34.0, 70.0, 190.0, 48.0])
SPREAD = np.array([0.6, 0.3, 0.5, 0.6, 0.8, 0.9])
SHARE = np.array([0.34, 0.12, 0.2, 0.12, 0.06, 0.16])


@dataclass(frozen=True, slots=True)
class World:
    """Cards and terminals: where they are, what they like, from which day on they exist."""

    card_budget: FloatArray
    card_rate: FloatArray
    card_since: FloatArray
    favourites: IntArray
    trade: IntArray
    terminal_since: FloatArray


@dataclass(frozen=True, slots=True)
class Payments:
    """Columns of payments in no particular order; `day` is days since the start."""

    day: FloatArray
    card: IntArray
    terminal: IntArray
    amount: FloatArray
    fraud: BoolArray

    def to_frame(self) -> Frame:
        """Sort by time, name everything, and round as a bank would."""
        order = np.argsort(self.day, kind="stable")
        seconds = np.floor(self.day[order] * SECONDS).astype(np.int64)
        start = np.datetime64(START, "us")
        return pl.DataFrame(
            {
                "transaction_id": [f"P{number:08d}" for number in range(len(order))],
                "time": start + seconds * np.timedelta64(1_000_000, "us"),
                "card_id": _names("C", self.card[order]),
                "terminal_id": _names("T", self.terminal[order]),
                "amount": np.maximum(self.amount[order], 0.5).round(2),
                "is_fraud": self.fraud[order].astype(np.int8),
            }
        )


def simulate(
    n_cards: int = 400,
    n_terminals: int = 200,
    days: int = 60,
    *,
    trouble: float = 1.0,
    seed: int = 0,
) -> Frame:
    """Make the payments of a small world, sorted by time, in the columns of the schema.

    A card makes about one payment a day; of a hundred payments about `trouble` are frauds.
    """
    rng = np.random.default_rng(seed)
    world = _world(rng, n_cards, n_terminals, days)
    genuine = _genuine(rng, world, days)
    parts = [
        _skimmed(rng, genuine, trouble * n_terminals * days),
        _stolen(rng, world, days, trouble),
        _tested(rng, world, days, trouble),
        _bust_out(rng, world, days, trouble),
    ]
    return _together(parts).to_frame()


def _world(rng: np.random.Generator, n_cards: int, n_terminals: int, days: int) -> World:
    home, place = rng.uniform(size=(n_cards, 2)), rng.uniform(size=(n_terminals, 2))
    trade = rng.choice(len(TRADES), size=n_terminals, p=SHARE)
    place[trade == TRADES.index("online")] = 0.5  # online is near to everybody
    return World(
        card_budget=np.exp(rng.normal(0.0, 0.35, n_cards)),
        card_rate=rng.gamma(3.0, 0.4, n_cards),
        card_since=_births(rng, n_cards, days),
        favourites=np.stack([_near(rng, spot, place) for spot in home]),
        trade=trade,
        terminal_since=_births(rng, n_terminals, days),
    )


def _births(rng: np.random.Generator, n: int, days: int) -> FloatArray:
    """Let nine in ten exist from the start and the rest appear on the way."""
    return np.where(rng.uniform(size=n) < 0.9, 0.0, rng.uniform(0.0, days, n))


def _near(rng: np.random.Generator, spot: FloatArray, place: FloatArray) -> IntArray:
    """Choose a dozen favourite terminals, nearer ones more often."""
    closeness = np.exp(-12.0 * np.linalg.norm(place - spot, axis=1)) + 1e-4
    return rng.choice(len(place), size=12, p=closeness / closeness.sum())


def _genuine(rng: np.random.Generator, world: World, days: int) -> Payments:
    count = rng.poisson(world.card_rate * days)
    card = np.repeat(np.arange(len(count)), count)
    day = np.floor(rng.uniform(0.0, days, len(card))) + _clock(rng, len(card))
    habit = np.minimum(rng.geometric(0.25, len(card)) - 1, world.favourites.shape[1] - 1)
    stray = rng.uniform(size=len(card)) < 0.08
    terminal = np.where(
        stray, rng.integers(0, len(world.trade), len(card)), world.favourites[card, habit]
    )
    born = np.maximum(world.card_since[card], world.terminal_since[terminal])
    keep = day >= born
    amount = _price(rng, world, card, terminal, day)
    no = np.zeros(len(card), dtype=np.bool_)
    return _where(Payments(day, card, terminal, amount, no), keep)


def _clock(rng: np.random.Generator, n: int) -> FloatArray:
    """Time of day as a share: few at night, a peak at noon and one in the evening."""
    hour = np.where(rng.uniform(size=n) < 0.5, rng.normal(12.5, 2.5, n), rng.normal(18.0, 2.5, n))
    return np.mod(hour, 24.0) / 24.0


def _price(
    rng: np.random.Generator, world: World, card: IntArray, terminal: IntArray, day: FloatArray
) -> FloatArray:
    trade = world.trade[terminal]
    inflation = 1.0 + 0.0004 * day
    noise = np.exp(rng.normal(0.0, 1.0, len(card)) * SPREAD[trade])
    price: FloatArray = PRICE[trade] * world.card_budget[card] * inflation * noise
    return price


def _skimmed(rng: np.random.Generator, genuine: Payments, chances: float) -> Payments:
    """Mark most payments of some terminals as frauds for one to five weeks."""
    fraud = genuine.fraud.copy()
    days, n_terminals = float(genuine.day.max()), int(genuine.terminal.max()) + 1
    for terminal in rng.choice(n_terminals, size=max(2, int(chances / 6000))):
        start, length = rng.uniform(0.0, days), rng.uniform(7.0, 35.0)
        hit = (genuine.terminal == terminal) & (genuine.day >= start)
        hit &= genuine.day < start + length
        fraud |= hit & (rng.uniform(size=len(fraud)) < rng.uniform(0.6, 0.95))
    return Payments(genuine.day, genuine.card, genuine.terminal, genuine.amount, fraud)


def _stolen(rng: np.random.Generator, world: World, days: int, trouble: float) -> Payments:
    """Copy cards and spend on them in bursts, far above their owners' habit."""
    n_thefts = max(3, int(trouble * len(world.card_rate) * days / 2500))
    thefts = []
    for card in rng.choice(len(world.card_rate), size=n_thefts):
        start, length = rng.uniform(world.card_since[card], days), rng.uniform(1.0, 10.0)
        size = rng.poisson(1.2 * length) + 2
        # Thieves grow more modest in the second half: the amounts drift towards the usual.
        factor = rng.uniform(2.0, 7.0) if start < days / 2 else rng.uniform(1.5, 5.0)
        day = start + rng.uniform(0.0, length, size)
        terminal = rng.integers(0, len(world.trade), size)
        cards = np.full(size, card)
        thefts.append(
            _frauds(day, cards, terminal, factor * _price(rng, world, cards, terminal, day))
        )
    return _until(_together(thefts), days)


def _tested(rng: np.random.Generator, world: World, days: int, trouble: float) -> Payments:
    """Try many cards with tiny amounts at one terminal, then charge some of them."""
    waves = []
    for _ in range(max(1, int(trouble * len(world.card_rate) * days / 30_000))):
        # This pattern comes up in the last two thirds of the time only.
        start, size = rng.uniform(days / 3, days), rng.integers(8, 25)
        card = rng.integers(0, len(world.card_rate), size)
        day = start + rng.uniform(0.0, 0.08, size)
        terminal = np.full(size, rng.integers(0, len(world.trade)))
        waves.append(_frauds(day, card, terminal, rng.uniform(0.5, 2.0, size)))
        later = rng.uniform(size=size) < 0.6
        shop = rng.integers(0, len(world.trade), int(later.sum()))
        amount = rng.uniform(150.0, 500.0, int(later.sum()))
        waves.append(_frauds(day[later] + rng.uniform(0.5, 2.0), card[later], shop, amount))
    return _until(_together(waves), days)


def _bust_out(rng: np.random.Generator, world: World, days: int, trouble: float) -> Payments:
    """Let a terminal of fraudsters draw growing round amounts from a few cards."""
    rings = []
    for _ in range(max(1, int(trouble * len(world.trade) * days / 20_000))):
        start, size = rng.uniform(0.0, days), rng.integers(10, 30)
        day = start + np.sort(rng.uniform(0.0, 12.0, size))
        card = rng.choice(len(world.card_rate), size=4)[rng.integers(0, 4, size)]
        terminal = np.full(size, rng.integers(0, len(world.trade)))
        rings.append(_frauds(day, card, terminal, 50.0 * np.ceil(np.linspace(1, 8, size))))
    return _until(_together(rings), days)


def _frauds(day: FloatArray, card: IntArray, terminal: IntArray, amount: FloatArray) -> Payments:
    return Payments(day, card, terminal, amount, np.ones(len(day), dtype=np.bool_))


def _where(payments: Payments, keep: BoolArray) -> Payments:
    return Payments(
        payments.day[keep],
        payments.card[keep],
        payments.terminal[keep],
        payments.amount[keep],
        payments.fraud[keep],
    )


def _until(payments: Payments, days: int) -> Payments:
    return _where(payments, payments.day < days)


def _together(parts: list[Payments]) -> Payments:
    return Payments(
        np.concatenate([part.day for part in parts]),
        np.concatenate([part.card for part in parts]),
        np.concatenate([part.terminal for part in parts]),
        np.concatenate([part.amount for part in parts]),
        np.concatenate([part.fraud for part in parts]),
    )


def _names(letter: str, codes: IntArray) -> list[str]:
    return [f"{letter}{code:06d}" for code in codes]


def main() -> None:
    """Write a file of simulated payments; Parquet or CSV by its ending."""
    parser = argparse.ArgumentParser(description="Simulate card payments.")
    parser.add_argument("--cards", type=int, default=400)
    parser.add_argument("--terminals", type=int, default=200)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--trouble", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    frame = simulate(
        given.cards, given.terminals, given.days, trouble=given.trouble, seed=given.seed
    )
    if given.out.suffix == ".csv":
        frame.write_csv(given.out)
    else:
        frame.write_parquet(given.out, compression="zstd", compression_level=19)


if __name__ == "__main__":
    main()
