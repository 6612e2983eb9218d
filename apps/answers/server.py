"""The model process: answers single rows over a Unix socket, with models that it holds."""

from __future__ import annotations

import json
import os
import socketserver
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import psutil
import structlog
from django.conf import settings
from django.db import close_old_connections

from apps.answers.serving import Serving
from apps.answers.wire import Question
from ml_core.errors import AssayError, BusyError, ConfigError, DataError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

MOST_BYTES = 64 * 2**20
_log = structlog.get_logger("assay.answers")


class Handler(BaseHTTPRequestHandler):
    """One request is one question."""

    protocol_version = "HTTP/1.0"
    server: ModelServer

    def do_POST(self) -> None:
        """Read a question, answer it, or say why not."""
        length = int(self.headers.get("Content-Length", 0))
        if length > MOST_BYTES:
            self._send(413, {"kind": "config", "message": "A question must be at most 64 MiB."})
            return
        close_old_connections()
        try:
            question = Question.from_json(json.loads(self.rfile.read(length)))
            said = self.server.serving.answer(question)
        except DataError as error:
            issues = [asdict(issue) for issue in error.issues]
            self._send(422, {"kind": "data", "issues": issues})
        except BusyError as error:
            told = {"kind": "busy", "message": str(error), "retry_after_s": error.retry_after_s}
            self._send(429, told)
        except AssayError as error:
            kind = "config" if isinstance(error, ConfigError) else "model"
            self._send(409, {"kind": kind, "message": str(error)})
        except Exception:  # noqa: BLE001  one bad question must not end the process
            _log.exception("a question could not be answered")
            message = "The model failed on this. Nothing was stored. Tell your administrator."
            self._send(500, {"kind": "internal", "message": message})
        else:
            self._send(200, asdict(said))
        finally:
            close_old_connections()

    def do_GET(self) -> None:
        """Tell that the process lives, and how its models do; waits for no question."""
        memory_mb = round(psutil.Process().memory_info().rss / 2**20, 1)
        told = self.server.serving.look()
        self._send(200, {**told, "memory_mb": memory_mb, "pid": os.getpid()})

    def address_string(self) -> str:
        """Return a name for logs; a Unix socket has no address."""
        return "socket"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
        """Log nothing for each request."""

    def _send(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class ModelServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A server on a Unix socket that only this user may open.

    Closing it answers those whose question was taken; whoever was not yet heard asks again.
    """

    daemon_threads = False
    request_queue_size = 1024  # a crowd waits to be heard; nobody is sent away for coming at once

    def __init__(self, path: Path, loaded: Callable[[], None] = lambda: None) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self.serving = Serving(loaded)
        super().__init__(str(path), Handler)
        path.chmod(0o600)

    def get_request(self) -> tuple[Any, Any]:
        """Accept; the peer of a Unix socket has no address."""
        request, _ = super().get_request()
        return request, ("socket", 0)

    def server_close(self) -> None:
        """Close the socket, and end when the last answer was given."""
        super().server_close()
        self.serving.close()

    def keep_warm(self, ended: threading.Event) -> None:
        """Load what is live now, and what people make live later, until the end."""
        while True:
            try:
                self.serving.warm()
            except Exception:  # noqa: BLE001  the database may be away for a while
                _log.warning("live models could not be looked up", exc_info=True)
            if ended.wait(settings.ASSAY_MODELS_LOOK_S):
                return
