"""Ask the model process; the web process imports no model for it."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from apps.answers.wire import ModelProcessError, Said
from ml_core.errors import ConfigError, DataError, Issue, ModelError

if TYPE_CHECKING:
    from apps.answers.wire import Question

TIMEOUT_S = 30.0
LOOK_S = 2.0
_KINDS = {"config": ConfigError, "model": ModelError}


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path
        self._timeout_s = timeout_s

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(str(self._path))


def ask(question: Question) -> Said:
    """Have a row answered.

    Raises: DataError, ConfigError, ModelError: as the model says. ModelProcessError: if there
        is nobody to ask.
    """
    connection = _Connection(Path(settings.ASSAY_MODELS_SOCKET))
    try:
        connection.request("POST", "/", json.dumps(question.to_json()))
        answer = connection.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        message = (
            "The process that answers with models must run. It gave no answer. "
            "Try again in a moment; if it stays, tell your administrator."
        )
        raise ModelProcessError(message) from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise _error(told)
    return Said(told["output"], told["report"], told["seconds"])


def look() -> dict[str, Any] | None:
    """Return what the model process says of itself; None if it does not answer soon."""
    connection = _Connection(Path(settings.ASSAY_MODELS_SOCKET), LOOK_S)
    try:
        connection.request("GET", "/")
        told: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return told


def _error(told: dict[str, Any]) -> Exception:
    if told["kind"] == "data":
        return DataError([Issue(**issue) for issue in told["issues"]])
    return _KINDS.get(told["kind"], ModelProcessError)(told["message"])
