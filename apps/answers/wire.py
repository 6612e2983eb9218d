"""What the web process and the model process say to each other over their socket.

The model process holds the heavy libraries and the loaded models; a web process must not. They
talk HTTP over a Unix socket in a folder that only the installation's user may enter.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ml_core.errors import AssayError

if TYPE_CHECKING:
    from collections.abc import Mapping


class ModelProcessError(AssayError):
    """The process that answers with models is not there, or took too long."""


@dataclass(frozen=True, slots=True)
class Question:
    """A row for a model: values by column, files by name, and settings.

    One that is asked in bulk lets those go first for which a person waits.
    """

    model: str
    row: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_bulk: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain data; files as base64."""
        files = {name: base64.b64encode(data).decode("ascii") for name, data in self.files.items()}
        return {
            "model": self.model, "row": dict(self.row), "files": files,
            "settings": dict(self.settings), "is_bulk": self.is_bulk,
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Question:
        """Read what `to_json` wrote."""
        files = {name: base64.b64decode(data) for name, data in told["files"].items()}
        is_bulk = bool(told.get("is_bulk"))
        return cls(told["model"], told["row"], files, told["settings"], is_bulk)


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said of a row: its values, its reasons as a report, and how long it took.

    `seconds` are those of the batch in which the row was answered.
    """

    output: Mapping[str, Any]
    report: list[Any]
    seconds: float
