"""How much each solution's models may take together, and how soon they must answer."""

from __future__ import annotations

import json
from typing import Any

import psutil
from django.conf import settings

from ml_core.errors import ConfigError
from ml_core.runtime.waiting import Limits

_NAMES = ("max_batch_size", "latency_budget_ms", "max_waiting", "timeout_s")


def limits_of(solution: str) -> Limits:
    """Return the limits of a solution's models: those of all, changed by its own.

    Raises: ConfigError: if a setting cannot be meant.
    """
    known = _told()
    return Limits(**known.get("all", {}) | known.get(solution, {}))


def _told() -> dict[str, dict[str, Any]]:
    text = settings.ASSAY_MODELS_LIMITS or "{}"
    try:
        told = json.loads(text)
        for limits in told.values():
            if not set(limits) <= set(_NAMES):
                raise ValueError("an unknown limit")
            if not all(type(value) in (int, float) for value in limits.values()):
                raise ValueError("a limit that is no number")
    except (ValueError, AttributeError, TypeError) as error:
        message = (
            "ASSAY_MODELS_LIMITS must be JSON that names for a solution, or for all, some of "
            f"{', '.join(_NAMES)}. Got {text[:80]!r}: {error}. "
            'Write it as {"casting": {"latency_budget_ms": 250}}.'
        )
        raise ConfigError(message) from None
    return dict(told)


def require_limits() -> None:
    """Stop if the limits in the settings cannot be meant. Raises: ConfigError: naming why."""
    for solution in _told():
        limits_of(solution)


def memory_budget() -> int:
    """Return the bytes that models may take: half of the machine's unless a setting says more."""
    told = int(settings.ASSAY_MODELS_MEMORY_MB)
    return told * 2**20 if told > 0 else int(psutil.virtual_memory().total) // 2
