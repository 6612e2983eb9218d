"""How the process that answers does with a model, for its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apps.answers.client import look

if TYPE_CHECKING:
    from apps.registry.models import ModelVersion


@dataclass(frozen=True, slots=True)
class Serving:
    """Whether a process answers, and if it holds the model, its figures since it was loaded."""

    is_up: bool
    figures: dict[str, Any] | None

    @property
    def is_late(self) -> bool:
        """Whether its answers take longer than they should."""
        figures = self.figures
        return figures is not None and figures["p99_ms"] > figures["latency_budget_ms"]


def serving(model: ModelVersion) -> Serving:
    """Ask the process; it answers at once, or not at all."""
    told = look()
    held = {one["model"]: one for one in told["serving"]} if told else {}
    return Serving(told is not None, held.get(str(model.pk)))
