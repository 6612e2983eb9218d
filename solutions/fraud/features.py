"""What is known about a payment at its own moment, as a row of numbers.

Read `ledger.py` first. `FEATURES` lists every number with the family it belongs to; an alert is
explained family by family. `compute` fills the table, family by family, with three tools:

- windows over *earlier* payments, which need no label;
- windows over *known* labels, which end `delay` before the payment;
- the state of the terminal after its newest known payment: how its run of frauds began.

`Facts` holds, besides, what one payment tells about its neighbours: facts that need its label are
true as of its own time and may be read by a payment that is at least `delay` younger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ml_core.tracking.run import Run, stop_if_cancelled
from ml_core.typing import BoolArray, Float32Array, FloatArray, IntArray
from solutions.fraud.ledger import Habit, Lane, Ledger
from solutions.fraud.options import DAY, SECOND
from solutions.fraud.views import ACTIVITY, CARD_RECORD, TERMINAL_RECORD

EARLIER = ACTIVITY.delay  # a microsecond leaves out the payment itself and its ties
EVER = 100 * 365 * DAY
HOUR = 3600 * SECOND
RECENT = ACTIVITY.windows
BURST = (DAY, 3 * DAY, 7 * DAY, 14 * DAY, 28 * DAY)
KNOWN_CARD = (*CARD_RECORD.windows, EVER)
KNOWN_TERMINAL = TERMINAL_RECORD.windows
MEETING = (HOUR, DAY, 7 * DAY)
ELSEWHERE = 14 * DAY
SUSPECT = 0.3  # from here on a fraud is held against its terminal
LONG = 120.0  # days; what is older is all alike
PRIOR = 0.5  # payments' worth of doubt in a rate

Fill = Callable[[str, FloatArray | Float32Array], None]


def _names(stem: str, windows: tuple[int, ...]) -> list[str]:
    return [f"{stem}_{_span(window)}" for window in windows]


def _span(window: int) -> str:
    if window == EVER:
        return "ever"
    return f"{window // DAY}d" if window >= DAY else f"{window // HOUR}h"


FAMILIES: dict[str, tuple[str, ...]] = {
    "clock": ("hour_sin", "hour_cos", "week_sin", "week_cos", "hour_usual"),
    "amount": ("amount", "amount_ratio", "amount_distance", "amount_to_card_mean"),
    "pace": (*_names("card_count", RECENT), "card_gap", "card_age", "card_payments"),
    "burst": (*_names("card_excess", BURST), *_names("card_large", BURST)),
    "card_record": (*_names("card_known", KNOWN_CARD), *_names("card_fraud", KNOWN_CARD)),
    "crowd": (
        *_names("terminal_count", RECENT),
        *_names("terminal_excess", RECENT),
        *_names("terminal_new", MEETING),
        "amount_to_terminal_mean",
        "terminal_age",
    ),
    "terminal_record": (
        *_names("terminal_known", KNOWN_TERMINAL),
        *_names("terminal_risk", KNOWN_TERMINAL),
        *_names("terminal_odd", KNOWN_TERMINAL),
        "terminal_since_genuine",
        "terminal_since_fraud",
        "terminal_run",
        "terminal_run_age",
        "terminal_odd_run",
        "terminal_odd_run_age",
    ),
    "pair": ("pair_payments", "pair_gap", *_names("card_new", MEETING)),
}
"""Names of the numbers by family; the order is the order of the columns."""

FEATURES: tuple[str, ...] = tuple(name for names in FAMILIES.values() for name in names)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that scoring needs to know of n payments."""

    ledger: Ledger
    habit: Habit
    table: Float32Array  # (n, len(FEATURES)), as of each payment's own moment
    odd: Float32Array  # (n,) needs the label: a fraud that the card does not explain
    elsewhere: Float32Array  # (n,) needs labels: frauds of the card at other terminals before
    delay: int

    def column(self, name: str) -> Float32Array:
        """Return one feature of all payments."""
        return self.table[:, FEATURES.index(name)]


def compute(ledger: Ledger, delay: int, run: Run) -> Facts:
    """Fill the table of features for all payments of a ledger.

    Raises: CancelledError: if the run is asked to stop.
    """
    habit = Habit.of(ledger)
    odd, elsewhere = _what_the_card_does_not_explain(ledger, habit)
    table = np.zeros((len(ledger), len(FEATURES)), dtype=np.float32)
    facts = Facts(ledger, habit, table, odd.astype(np.float32), elsewhere, delay)
    place = {name: number for number, name in enumerate(FEATURES)}

    def fill(name: str, values: FloatArray | Float32Array) -> None:
        table[:, place[name]] = values

    steps = (_clock, _card, _card_record, _crowd, _terminal_record, _terminal_run, _pair)
    for done, step in enumerate(steps):
        stop_if_cancelled(run)
        run.progress(done, len(steps), "families of features")
        step(facts, fill)
    run.progress(len(steps), len(steps), "families of features")
    return facts


def _what_the_card_does_not_explain(
    ledger: Ledger, habit: Habit
) -> tuple[FloatArray, Float32Array]:
    """Weigh each fraud by how little its card speaks for it: then its terminal is suspect."""
    everywhere = ledger.by_card.windows(ledger.fraud, (ELSEWHERE,), delay=EARLIER)[1][:, 0]
    here = ledger.by_pair.windows(ledger.fraud, (ELSEWHERE,), delay=EARLIER)[1][:, 0]
    elsewhere = np.maximum(everywhere - here, 0.0)
    return ledger.fraud * np.exp(-2.0 * habit.excess) / (1.0 + elsewhere), elsewhere


def _clock(facts: Facts, fill: Fill) -> None:
    """Time of day and week, and how near the hour is to those at which the card usually pays."""
    for name, period in (("hour", DAY), ("week", 7 * DAY)):
        angle = 2.0 * np.pi * (facts.ledger.time % period) / period
        fill(f"{name}_sin", np.sin(angle))
        fill(f"{name}_cos", np.cos(angle))
    likeness = np.zeros(len(facts.ledger))
    for name in ("hour_sin", "hour_cos"):
        side = facts.column(name).astype(np.float64)
        count, total = facts.ledger.by_card.windows(side, (90 * DAY,), delay=EARLIER)
        likeness += side * (total / (count + PRIOR))[:, 0]
    fill("hour_usual", likeness)


def _card(facts: Facts, fill: Fill) -> None:
    """Amount, pace and bursts of the card against its own habit."""
    ledger, habit, lane = facts.ledger, facts.habit, facts.ledger.by_card
    count, total = lane.windows(ledger.amount, (*RECENT, EVER), delay=EARLIER)
    mean = total[:, 3] / np.maximum(count[:, 3], 1.0)
    fill("amount", np.log1p(ledger.amount))
    fill("amount_ratio", habit.ratio)
    fill("amount_distance", habit.distance)
    fill("amount_to_card_mean", np.log1p(ledger.amount) - np.log1p(mean))
    for number, name in enumerate(_names("card_count", RECENT)):
        fill(name, np.log1p(count[:, number]))
    fill("card_gap", since_previous(lane))
    fill("card_age", since_first(lane))
    fill("card_payments", np.log1p(count[:, 4]))
    excess = lane.windows(habit.excess, BURST, delay=EARLIER)[1]
    large = lane.windows(habit.large, BURST, delay=EARLIER)[1]
    for number, name in enumerate(_names("card_excess", BURST)):
        fill(name, np.log1p(excess[:, number]))
    for number, name in enumerate(_names("card_large", BURST)):
        fill(name, np.log1p(large[:, number]))


def _card_record(facts: Facts, fill: Fill) -> None:
    known, fraud = _known(facts, facts.ledger.by_card, KNOWN_CARD)
    for number, window in enumerate(KNOWN_CARD):
        fill(f"card_known_{_span(window)}", np.log1p(known[:, number]))
        fill(f"card_fraud_{_span(window)}", np.log1p(fraud[:, number]))


def _crowd(facts: Facts, fill: Fill) -> None:
    """What all cards do at the terminal, labels left aside."""
    ledger, lane = facts.ledger, facts.ledger.by_terminal
    count, total = lane.windows(ledger.amount, RECENT, delay=EARLIER)
    excess = lane.windows(facts.habit.ratio.astype(np.float64), RECENT, delay=EARLIER)[1]
    for number, window in enumerate(RECENT):
        fill(f"terminal_count_{_span(window)}", np.log1p(count[:, number]))
        fill(f"terminal_excess_{_span(window)}", excess[:, number] / (count[:, number] + PRIOR))
    mean = total[:, -1] / np.maximum(count[:, -1], 1.0)
    against = np.log1p(ledger.amount) - np.log1p(mean)
    fill("amount_to_terminal_mean", np.where(count[:, -1] > 0, against, 0.0))
    fill("terminal_age", since_first(lane))


def _terminal_record(facts: Facts, fill: Fill) -> None:
    lane = facts.ledger.by_terminal
    known, fraud = _known(facts, lane, KNOWN_TERMINAL)
    odd = lane.windows(facts.odd.astype(np.float64), KNOWN_TERMINAL, delay=facts.delay)[1]
    for number, window in enumerate(KNOWN_TERMINAL):
        fill(f"terminal_known_{_span(window)}", np.log1p(known[:, number]))
        rate = fraud[:, number] / (known[:, number] + PRIOR)
        fill(f"terminal_risk_{_span(window)}", rate)
        fill(f"terminal_odd_{_span(window)}", odd[:, number] / (known[:, number] + PRIOR))


def _known(facts: Facts, lane: Lane, windows: tuple[int, ...]) -> tuple[Float32Array, Float32Array]:
    """Count known labels, and frauds among them, in windows that end `delay` before."""
    delay = max(facts.delay, EARLIER)
    # The kernel leaves out what is no number, so it counts the known labels alone.
    label = np.where(facts.ledger.known, facts.ledger.fraud, np.nan)
    return lane.windows(label, windows, delay=delay)


def _terminal_run(facts: Facts, fill: Fill) -> None:
    """Tell when the terminal last had a genuine payment, and how its run of frauds began.

    Runs are followed payment by payment; a payment reads the state in which the terminal was
    after its newest known payment.
    """
    ledger, lane = facts.ledger, facts.ledger.by_terminal
    newest = lane.neighbours(slice(None), 1, delay=max(facts.delay, EARLIER))[:, 0]
    place = np.empty(len(ledger), dtype=np.int64)
    place[lane.order] = np.arange(len(ledger))
    state = np.where(newest >= 0, place[newest], -1)
    genuine = (ledger.known & (ledger.fraud == 0))[lane.order]
    fraud = (ledger.fraud > 0)[lane.order]
    suspect = (facts.odd > SUSPECT)[lane.order]
    fill_sorted = _filler(lane, fill)
    fill_sorted("terminal_since_genuine", _since_state(lane, lane.last(genuine), state))
    fill_sorted("terminal_since_fraud", _since_state(lane, lane.last(fraud), state))
    for name, sort in (("run", fraud), ("odd_run", suspect)):
        count, begin = _runs(lane, sort, genuine)
        fill_sorted(f"terminal_{name}", np.log1p(np.where(state >= 0, count[state], 0)))
        fill_sorted(f"terminal_{name}_age", _since_state(lane, begin, state))


def _filler(lane: Lane, fill: Fill) -> Fill:
    def fill_sorted(name: str, values: FloatArray | Float32Array) -> None:
        out = np.empty(len(values), dtype=np.float32)
        out[lane.order] = values
        fill(name, out)

    return fill_sorted


def _runs(lane: Lane, event: BoolArray, end: BoolArray) -> tuple[IntArray, IntArray]:
    """Follow runs of `event` that an `end` breaks, in the order of the lane.

    Shapes: event, end (n,) -> events in the run so far (n,), place of its first or -1 (n,).
    """
    so_far: IntArray = np.cumsum(event)
    broken = lane.last(end)
    before = np.where(broken >= 0, so_far[broken], (so_far - event)[lane.first])
    count: IntArray = so_far - before
    begin = lane.last(event & (count == 1))
    return count, np.where(count > 0, begin, -1)


def _since_state(lane: Lane, at: IntArray, state: IntArray) -> Float32Array:
    """Days from the place that a state points to until each payment; `LONG` if there is none."""
    place = np.where(state >= 0, at[state], -1)
    days = np.where(place >= 0, (lane.sorted_time - lane.sorted_time[place]) / DAY, LONG)
    return np.minimum(days, LONG).astype(np.float32)


def _pair(facts: Facts, fill: Fill) -> None:
    """Whether card and terminal met before, and how many first meetings each had lately."""
    ledger = facts.ledger
    count = ledger.by_pair.windows(ledger.amount, (EVER,), delay=EARLIER)[0][:, 0]
    fill("pair_payments", np.log1p(count))
    fill("pair_gap", since_previous(ledger.by_pair))
    first_meeting = (count == 0).astype(np.float64)
    for side, lane in (("card", ledger.by_card), ("terminal", ledger.by_terminal)):
        met = lane.windows(first_meeting, MEETING, delay=EARLIER)[1]
        for number, window in enumerate(MEETING):
            fill(f"{side}_new_{_span(window)}", np.log1p(met[:, number]))


def since_previous(lane: Lane) -> Float32Array:
    """Log of days since the entity's last strictly earlier payment; long ago if there is none."""
    place = np.arange(len(lane.order))
    new_moment = (lane.first == place) | (np.diff(lane.sorted_time, prepend=0) != 0)
    # Rows of one instant share the row before the first of them.
    before = np.maximum.accumulate(np.where(new_moment, place, 0)) - 1
    since = lane.sorted_time - lane.sorted_time[before]
    return _in_order(lane, np.where(before >= lane.first, since, EVER))


def since_first(lane: Lane) -> Float32Array:
    """Log of days since the entity was first seen; 0 days at its first payment."""
    return _in_order(lane, lane.sorted_time - lane.sorted_time[lane.first])


def _in_order(lane: Lane, microseconds: IntArray) -> Float32Array:
    """Log scale of time spans in days, put into the order of the file; beyond a year all alike."""
    out = np.empty(len(lane.order), dtype=np.float32)
    out[lane.order] = np.log(np.clip(microseconds / DAY, 0.0, 365.0) + 0.01)
    return out
