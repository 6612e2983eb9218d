"""Moments as a check tells them, and as the database keeps them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(text: str | None) -> datetime | None:
    """Read a moment as a check tells it, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
