"""The few errors of the product; each sentence says what must hold, what came, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kernels.errors import AssayError as AssayError  # noqa: PLC0414
from kernels.errors import DeviceError as DeviceError  # noqa: PLC0414

if TYPE_CHECKING:
    from collections.abc import Sequence

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong with data, in words its owner can act on.

    `row` counts from 1, the header not included; `None` means the whole file or column.
    `message` never quotes the value of a column marked personal.
    """

    code: str
    message: str
    column: str | None = None
    row: int | None = None
    severity: Severity = "error"
    n_rows: int = 1


class DataError(AssayError):
    """Data that cannot be used, with the reasons column by column and row by row."""

    def __init__(self, issues: Issue | Sequence[Issue]) -> None:
        self.issues = (issues,) if isinstance(issues, Issue) else tuple(issues)
        super().__init__(" ".join(issue.message for issue in self.issues[:5]))


class ConfigError(AssayError):
    """A setting or option that cannot work."""


class ModelError(AssayError):
    """A bundle that is damaged, of another version, or disagrees with its own network."""


class NotAllowedError(AssayError):
    """An action that this person may not do."""


class IntegrityError(AssayError):
    """Bytes at rest that were changed, cut short, mixed up, or sealed with another key."""


class CancelledError(AssayError):
    """Work that stopped because somebody asked it to."""


class JobError(AssayError):
    """A job that failed; `permanent` says that trying again cannot help."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        self.permanent = permanent
        super().__init__(message)


class BusyError(AssayError):
    """Work that is refused now, since it could not be done in time; it may be tried again."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)
