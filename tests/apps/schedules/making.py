"""Policies for tests."""

from __future__ import annotations

import polars as pl

from apps.schedules import services
from tests.apps.workshop import ready_version


def policy_of(people, version=None, **said):
    """Make a policy of Alice's that is due each Monday at three, UTC."""
    version = version or ready_version(people)
    chosen = {
        "name": "Each Monday", "trigger": "clock", "cron": "0 3 * * 1", "zone": "UTC",
        "options": {"steps": 2}, "metric": "accuracy",
    }  # fmt: skip
    user = said.pop("user", people.alice)
    return services.create(user=user, dataset=version.dataset, **chosen | said)


def next_version(people, version, frame):
    """Bring another version of the same dataset."""
    made = ready_version(people, frame, number=version.number + 1)
    extra = made.dataset
    made.dataset = version.dataset
    made.save()
    extra.delete()
    return made


def shuffled_past(frame: pl.DataFrame) -> pl.DataFrame:
    """Shuffle the labels of all but the newest third, which stay true."""
    n_old = 2 * frame.height // 3
    labels = frame["is_bad"]
    mixed = labels.head(n_old).shuffle(seed=3)
    return frame.with_columns(is_bad=pl.concat([mixed, labels.tail(frame.height - n_old)]))
