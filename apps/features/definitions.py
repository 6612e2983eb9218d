"""The feature views that the solutions of this installation define."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404

from apps.catalog.services import registry
from apps.catalog.services import solution as find_solution
from ml_core.features.view import FeatureView as Definition
from ml_core.features.view import span

if TYPE_CHECKING:
    from apps.features.models import FeatureView


def definitions(slug: str) -> tuple[Definition, ...]:
    """Return the views of a solution. Raises: Http404: if there is no such solution."""
    return find_solution(slug).features()


def definition(slug: str, name: str) -> Definition:
    """Return one view of a solution. Raises: Http404: if there is none."""
    found = next((view for view in definitions(slug) if view.name == name), None)
    if found is None:
        raise Http404
    return found


def current(view: FeatureView) -> Definition | None:
    """Return the definition of a kept view as the code has it now; None if it is gone."""
    if view.solution not in registry():
        return None
    known = registry()[view.solution].features()
    return next((one for one in known if one.name == view.name), None)


def lines_of(view: Definition) -> list[dict[str, object]]:
    """Return what each aggregation does, as pages show it."""
    return [
        {
            "name": one.name,
            "column": one.column or "rows",
            "statistics": one.statistics,
            "windows": [span(window) for window in one.windows],
            "delay": "before the moment" if one.delay == 1 else f"until {span(one.delay)} before"
            if one.delay else "up to the moment",
            "features": one.features,
        }
        for one in view.aggregations
    ]  # fmt: skip
