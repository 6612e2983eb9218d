"""Choices for a training of the weld model."""

from __future__ import annotations

from pydantic import Field

from solutions.api import Options


class WeldOptions(Options):
    """How long and how fast to learn."""

    steps: int = Field(400, ge=1, le=100_000, description="Steps of gradient descent.")
    rate: float = Field(0.5, gt=0, le=10, description="Length of a step.")
    alert_share: float = Field(0.05, ge=0, le=1, description="Share of welds to be looked at.")
