"""How old the features of a view are, against now and against its dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone

from apps.features import online
from apps.features.definitions import current

if TYPE_CHECKING:
    from datetime import timedelta

    from apps.datasets.models import DatasetVersion
    from apps.features.models import FeatureView


@dataclass(frozen=True, slots=True)
class Freshness:
    """`state` is one of the badges; `reason` says what to do about it.

    `age` is that of the newest event now; `behind` how much newer the newest one of the dataset is.
    """

    state: str
    reason: str
    age: timedelta | None
    behind: timedelta | None


def freshness(view: FeatureView) -> Freshness:
    """Compare a view, as read `with_newest`, with its definition, its dataset and the clock."""
    age = timezone.now() - view.newest_event if view.newest_event else None
    latest = view.newest_time
    behind = latest - view.newest_event if latest and view.newest_event else None
    state, reason = _judged(view)
    return Freshness(state, reason, age, behind)


def newest_version(view: FeatureView) -> DatasetVersion | None:
    """Return the newest version of the dataset that can be read."""
    found: DatasetVersion | None = (
        view.dataset.versions.filter(state="ready").order_by("-number").first()
    )
    return found


def _judged(view: FeatureView) -> tuple[str, str]:
    found = current(view)
    if found is None:
        return "broken", "Its solution does not define it any more."
    if not view.is_materialised:
        return "queued", "It was not materialised yet."
    if found.version != view.view_hash:
        return "warning", "Its definition has changed. Materialise it again."
    if view.online_space and view.online_key != online.key_id():
        return "warning", "The key of the installation has changed. Materialise it again."
    if view.newest_id != view.version_id:
        number = view.newest_number
        return "warning", f"It does not hold all of version {number} yet. Materialise what changed."
    return "good", "It is up to its definition and its dataset."
