"""How long a training may take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from ml_core.errors import CancelledError, JobError

if TYPE_CHECKING:
    from types import TracebackType


class Budget:
    """Seconds to spend; work inside the block that stops because they are spent has failed."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._until = float("inf")

    def __enter__(self) -> Self:
        if self._seconds is not None:
            self._until = time.monotonic() + self._seconds
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, CancelledError) and self.is_spent():
            message = (
                f"A training must end within its budget of {(self._seconds or 0) / 60:g} minutes. "
                "It had not. Give it more time, or choose less data or smaller options."
            )
            raise JobError(message, permanent=True) from error

    def is_spent(self) -> bool:
        """Tell whether the time is over."""
        return time.monotonic() > self._until
