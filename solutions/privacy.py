"""Learning privately as an option: the fields that a solution offers, and what they mean.

A solution offers them where gradients of single units can be had: no batch norm that mixes
pictures, and nothing shipped that learns from the rows in another way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field

if TYPE_CHECKING:
    from ml_core.security.privacy import Privacy

FOLDED = {"advanced": True}


class PrivateOptions(Protocol):
    """Options that have the fields below."""

    @property
    def private(self) -> bool: ...  # noqa: D102
    @property
    def epsilon(self) -> float: ...  # noqa: D102
    @property
    def delta(self) -> float: ...  # noqa: D102
    @property
    def clip(self) -> float: ...  # noqa: D102


def ask_private(unit: str, extra: dict[str, Any] | None = None) -> Any:
    """Offer to learn privately; `unit` says what is protected."""
    return Field(
        default=False,
        title="Learn privately",
        description=f"Learn by DP-SGD, so that the network tells next to nothing of any single "
        f"{unit}. Costs accuracy and several times the time. The card "
        "says what was promised, and what it does not cover.",
        json_schema_extra=extra,
    )


def ask_epsilon(extra: dict[str, Any] | None = None) -> Any:
    """Ask for the promise."""
    return Field(
        8.0,
        ge=0.1,
        le=100.0,
        title="Epsilon",
        description="Where it learns privately: by how much one unit may change what is likely, "
        "as the exponent of e. Below 1 is strong, above 10 is weak.",
        json_schema_extra=extra,
    )


def ask_delta(extra: dict[str, Any] | None = None) -> Any:
    """Ask for the chance that the promise does not hold."""
    return Field(
        1e-5,
        gt=0.0,
        le=0.01,
        title="Delta",
        description="Where it learns privately: the chance that epsilon does not hold. It must be "
        "below one by the number of units.",
        json_schema_extra=extra,
    )


def ask_clip(extra: dict[str, Any] | None = None) -> Any:
    """Ask for the bound of one unit's gradient."""
    return Field(
        1.0,
        gt=0.0,
        le=1000.0,
        title="Bound of a gradient",
        description="Where it learns privately: longer gradients of single units are shortened to "
        "this, and the noise is a multiple of it.",
        json_schema_extra=extra,
    )


def privacy_of(options: PrivateOptions) -> Privacy | None:
    """Return what was asked for. Raises: ConfigError: where Opacus is not installed."""
    if not options.private:
        return None
    from ml_core.security.privacy import Privacy, require_opacus  # noqa: PLC0415  torch

    require_opacus()
    return Privacy(target_epsilon=options.epsilon, delta=options.delta, max_grad_norm=options.clip)
