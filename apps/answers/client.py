"""Ask the model process; the web process imports no model for it."""

from __future__ import annotations

import http.client
import json
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from apps.answers.wire import ModelProcessError, Said
from ml_core.errors import BusyError, ConfigError, DataError, Issue, ModelError

if TYPE_CHECKING:
    from apps.answers.wire import Question

TIMEOUT_S = 30.0
LOOK_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.5
_KINDS = {"config": ConfigError, "model": ModelError}
# What a process that ends, or that is not there yet, looks like. Asking changes nothing, so it may
# be done again; one that takes its time is not asked twice.
_GONE = (ConnectionError, FileNotFoundError, http.client.IncompleteRead)


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
    """Have a row answered; while the process starts anew, it is waited for.

    Raises: DataError, ConfigError, ModelError: as the model says. BusyError: if the model has no
        room. ModelProcessError: if there is nobody to ask.
    """
    body = json.dumps(question.to_json())
    until, pause = time.monotonic() + settings.ASSAY_MODELS_PATIENCE_S, FIRST_PAUSE_S
    while True:
        try:
            status, told = _posted(body)
            break
        except _GONE as error:
            if time.monotonic() + pause > until:
                raise _nobody() from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _nobody() from error
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
    if status != http.client.OK:
        raise _error(told)
    return Said(told["output"], told["report"], told["seconds"])


def _posted(body: str) -> tuple[int, dict[str, Any]]:
    connection = _Connection(Path(settings.ASSAY_MODELS_SOCKET))
    try:
        connection.request("POST", "/", body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


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


def _nobody() -> ModelProcessError:
    return ModelProcessError(
        "The process that answers with models must run. It gave no answer. "
        "Try again in a moment; if it stays, tell your administrator."
    )


def _error(told: dict[str, Any]) -> Exception:
    if told["kind"] == "data":
        return DataError([Issue(**issue) for issue in told["issues"]])
    if told["kind"] == "busy":
        return BusyError(told["message"], retry_after_s=told["retry_after_s"])
    return _KINDS.get(told["kind"], ModelProcessError)(told["message"])
