"""Which rows speak of which stored files.

No app has to say so: the name of a file stands in a CharField, or in JSON under "blob" or
"..._blob", and is known by its form. So a table that is added tomorrow is looked through too,
and its files are safe from the sweep.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models.functions import Cast

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator

# A folder, perhaps more, and 32 hexadecimal digits.
NAME = re.compile(r"[a-z][\w.-]*(?:/[\w.-]+)*/[0-9a-f]{32}")
SHORTEST = 34
# The audit trail tells of what was; it owns nothing.
_NOT_OWNERS = {"apps.audit", "apps.monitoring"}
Owner = tuple[str, "uuid.UUID | None"]


def references() -> Iterator[Owner]:
    """Return the name of each file that a row speaks of, with the team that owns the row."""
    for model in _models():
        team = "team_id" if any(f.name == "team" for f in model._meta.fields) else None  # noqa: SLF001  documented API
        for field in model._meta.fields:  # noqa: SLF001  documented API
            if isinstance(field, models.JSONField):
                yield from _in_json(model, field.name, team)
            elif _may_hold_a_name(field):
                yield from _in_text(model, field.name, team)


def _models() -> list[type[models.Model]]:
    ours = {config.label for config in apps.get_app_configs() if config.name in _owners()}
    return [model for model in apps.get_models() if model._meta.app_label in ours]  # noqa: SLF001  documented API


def _owners() -> set[str]:
    return set(settings.ASSAY_APPS) - _NOT_OWNERS


def _may_hold_a_name(field: models.Field[Any, Any]) -> bool:
    return (
        isinstance(field, models.CharField)
        and not field.choices
        and (field.max_length is None or field.max_length >= SHORTEST)
    )


def _in_text(model: type[models.Model], name: str, team: str | None) -> Iterator[Owner]:
    rows = model._base_manager.filter(**{f"{name}__contains": "/"})  # noqa: SLF001  sees every row
    for text, owner in _values(rows, name, team):
        if NAME.fullmatch(text):
            yield text, owner


def _in_json(model: type[models.Model], name: str, team: str | None) -> Iterator[Owner]:
    rows = model._base_manager.annotate(  # noqa: SLF001  sees every row
        as_text=Cast(name, models.TextField())
    ).filter(as_text__contains='blob"')
    for value, owner in _values(rows, name, team):
        for text in _named(value):
            yield text, owner


def _values(rows: models.QuerySet[Any], name: str, team: str | None) -> Iterator[tuple[Any, Any]]:
    if team is None:
        return ((value, None) for value in rows.values_list(name, flat=True).iterator(2000))
    return iter(rows.values_list(name, team).iterator(2000))


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str):
                if str(key).endswith("blob") and NAME.fullmatch(inner):
                    yield inner
            else:
                yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)
