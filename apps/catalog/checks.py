"""What `manage.py check` says about solutions that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core import checks

from apps.catalog.services import registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.apps import AppConfig


@checks.register
def check_solutions(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Warn of each broken solution; the others work without it."""
    return [
        checks.Warning(
            f"The solution {broken.name} ({broken.source}) cannot be used. {broken.reason}",
            hint="Correct it or remove it; python -m solutions check tells more.",
            id="assay.W001",
        )
        for broken in registry().broken
    ]
