"""Events that fit a search, a page at a time, newest first, without counting all of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from apps.audit.models import AuditEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apps.accounts.models import User
    from apps.audit.models import AuditEventQuerySet

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Some events that follow each other; `newer` and `older` are where to go on."""

    events: list[AuditEvent]
    newer: int | None
    older: int | None


def find(user: User, asked: Mapping[str, Any]) -> AuditEventQuerySet:
    """Return what a person may read of the trail and asks for; `asked` is a cleaned filter."""
    found = AuditEvent.objects.visible_to(user)
    if asked.get("actor"):
        found = found.filter(actor_label__icontains=asked["actor"])
    if asked.get("action"):
        found = found.filter(action__icontains=asked["action"])
    if asked.get("thing_type"):
        found = found.filter(thing_type=asked["thing_type"])
    if asked.get("thing_id"):
        found = found.filter(thing_id=asked["thing_id"])
    if asked.get("since"):
        found = found.filter(at__gte=_midnight(asked["since"]))
    if asked.get("until"):
        found = found.filter(at__lt=_midnight(asked["until"] + timedelta(days=1)))
    return _with_words(found, asked["q"]) if asked.get("q") else found


def page(
    events: AuditEventQuerySet,
    *,
    before: int | None = None,
    after: int | None = None,
    size: int = PAGE_SIZE,
) -> Page:
    """Cut a page by the number of an event: those before it, or those after it.

    A page costs the same wherever it lies, as no row is counted or skipped.
    """
    if after is not None:
        rows = list(events.filter(sequence__gt=after).order_by("sequence")[: size + 1])
        shown, has_newer, has_older = rows[:size][::-1], len(rows) > size, True
    else:
        chosen = events if before is None else events.filter(sequence__lt=before)
        rows = list(chosen.order_by("-sequence")[: size + 1])
        shown, has_newer, has_older = rows[:size], before is not None, len(rows) > size
    if not shown:
        return Page([], None, None)
    return Page(
        shown,
        newer=shown[0].sequence if has_newer else None,
        older=shown[-1].sequence if has_older else None,
    )


def number(given: str | None) -> int | None:
    """Return the number of an event from an address, None if it is none."""
    return int(given) if given and given.isascii() and given.isdigit() and len(given) < 19 else None


def _with_words(events: AuditEventQuerySet, words: str) -> AuditEventQuerySet:
    # SQLite keeps JSON as it was written, with other letters than those of ASCII escaped.
    escaped = json.dumps(words)[1:-1]
    in_summary = Q(said__icontains=words) | Q(said__icontains=escaped)
    return events.annotate(said=Cast("summary", TextField())).filter(
        in_summary
        | Q(thing_label__icontains=words)
        | Q(actor_label__icontains=words)
        | Q(action__icontains=words)
        | Q(thing_id=words)
    )


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
