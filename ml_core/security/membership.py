"""What an outsider can tell of who was learnt from: the attack by a threshold on the loss.

A network knows its own examples better: their loss is lower. The attacker calls an example a
member when its loss is at most a threshold, and his advantage is the share of members that he
finds less the share of others that he accuses:

    advantage = TPR - FPR,   0 for guessing, 1 for knowing

Members and others must come from the same population and differ in nothing else. The threshold is
chosen on one half of both and the advantage measured on the other, so that chance gives none.

Source: Yeom, Giacomelli, Fredrikson and Jha, "Privacy risk in machine learning: analyzing the
connection to overfitting" (CSF 2018), section 3.2; there the threshold is the mean training loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_core.errors import DataError, Issue
from ml_core.evaluate.intervals import Interval, bootstrap
from ml_core.seed import generator

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ml_core.typing import FloatArray, IntArray

FEWEST = 20


@dataclass(frozen=True, slots=True)
class Attack:
    """What the attack found on the half that it did not choose its threshold on."""

    advantage: Interval
    threshold: float
    found: float  # share of members called so
    accused: float  # share of others called so


def attack(members: ArrayLike, others: ArrayLike, *, seed: int = 0, n_draws: int = 500) -> Attack:
    """Attack a network by the losses of examples that it learnt from, and of others.

    Shapes: members (n,), others (m,).
    Raises: DataError: if a loss is no number, or there are too few to be halved.
    """
    inside, outside = _halves(members, seed, "members"), _halves(others, seed, "others")
    threshold = best_threshold(inside[0], outside[0])
    losses = np.concatenate([inside[1], outside[1]])
    is_member = np.arange(len(losses)) < len(inside[1])
    called = losses <= threshold

    def advantage(rows: IntArray) -> float:
        member, told = is_member[rows], called[rows]
        if member.all() or not member.any():
            raise DataError(Issue("one_kind", "A draw must have members and others."))
        return float(told[member].mean() - told[~member].mean())

    return Attack(
        bootstrap(advantage, np.arange(len(losses)), n_draws=n_draws, seed=seed),
        threshold,
        float(called[is_member].mean()),
        float(called[~is_member].mean()),
    )


def best_threshold(members: FloatArray, others: FloatArray) -> float:
    """Return the loss up to which calling members pays best. Shapes: (n,), (m,)."""
    cuts = np.unique(np.concatenate([members, others]))
    found = np.searchsorted(np.sort(members), cuts, side="right") / len(members)
    accused = np.searchsorted(np.sort(others), cuts, side="right") / len(others)
    return float(cuts[int(np.argmax(found - accused))])


def _halves(losses: ArrayLike, seed: int, name: str) -> tuple[FloatArray, FloatArray]:
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 1 or len(values) < FEWEST or not np.isfinite(values).all():
        message = (
            f"The losses of {name} must be at least {FEWEST} numbers. Got {values.shape} with "
            f"{int((~np.isfinite(values)).sum())} that are none. Give the loss of each example."
        )
        raise DataError(Issue("losses", message))
    mixed = generator(seed, name).permutation(values)
    return mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
