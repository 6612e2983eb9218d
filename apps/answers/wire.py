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
    """A row for a model: values by column, files by name, and settings."""

    model: str
    row: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain data; files as base64."""
        files = {name: base64.b64encode(data).decode("ascii") for name, data in self.files.items()}
        return {
            "model": self.model, "row": dict(self.row), "files": files,
            "settings": dict(self.settings),
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Question:
        """Read what `to_json` wrote."""
        files = {name: base64.b64decode(data) for name, data in told["files"].items()}
        return cls(told["model"], told["row"], files, told["settings"])


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said of a row: its values, its reasons as a report, and how long it took."""

    output: Mapping[str, Any]
    report: list[Any]
    seconds: float
