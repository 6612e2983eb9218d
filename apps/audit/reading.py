"""An event as people read it: what changed, what else is said, and where the thing is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.urls import NoReverseMatch

if TYPE_CHECKING:
    from apps.audit.models import AuditEvent

LONGEST = 300


@dataclass(frozen=True, slots=True)
class Change:
    """One value before and after; an empty text where there was or is none."""

    name: str
    before: str
    after: str
    is_same: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One event as a line of the trail."""

    event: AuditEvent
    changes: list[Change]
    details: list[tuple[str, str]]
    url: str


def line(event: AuditEvent) -> Line:
    """Return an event with its changes side by side."""
    said = event.summary if isinstance(event.summary, Mapping) else {"": event.summary}
    changes = differences(said.get("before"), said.get("after"))
    rest = {name: value for name, value in said.items() if name not in ("before", "after")}
    details = [(name.replace("_", " "), text(value)) for name, value in flat(rest).items()]
    return Line(event, changes, [one for one in details if one[1]], address_of(event))


def differences(before: Any, after: Any) -> list[Change]:
    """Return each name of either side with both values, the changed ones first."""
    old, new = flat(before), flat(after)
    found = [
        Change(
            name,
            text(old.get(name)),
            text(new.get(name)),
            is_same=name in old and name in new and old[name] == new[name],
        )
        for name in dict.fromkeys([*old, *new])
    ]
    return sorted(found, key=lambda change: change.is_same)


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return nested mappings as one, its names joined by dots."""
    if value is None and not name:
        return {}
    if not isinstance(value, Mapping) or not value:
        return {name or "value": value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= flat(item, f"{name}.{key}" if name else str(key))
    return found


def text(value: Any) -> str:
    """Return a value in a few words."""
    if value is None or value in ({}, []):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


def address_of(event: AuditEvent) -> str:
    """Return where the thing of an event is shown, without a look whether it still exists."""
    try:
        kind = apps.get_model(event.thing_type)
        key = kind._meta.pk.to_python(event.thing_id)  # noqa: SLF001  documented API
        find = getattr(kind, "get_absolute_url", None)
        return str(find(kind(pk=key))) if find else ""
    except (LookupError, ValueError, ValidationError, NoReverseMatch):
        return ""
