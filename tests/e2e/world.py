"""What a team has made, for the journeys that look at it: a dataset, a live model, a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.product import Product
    from tests.e2e.rest import Rest


@dataclass(frozen=True)
class World:
    """Addresses and numbers of things that exist."""

    version: str
    run: str
    model: str
    prediction: str


def make_world(product: Product, rest: Rest, files: Path) -> World:
    raise NotImplementedError
