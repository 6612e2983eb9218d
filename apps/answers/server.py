"""The model process: holds loaded models, and answers single rows over a Unix socket."""

from __future__ import annotations

import json
import os
import socketserver
import threading
import time
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import polars as pl
import psutil
import structlog
from django.db import close_old_connections

from apps.answers.wire import Question, Said
from apps.catalog.services import solution as find_solution
from apps.experiments.services import read_options
from apps.registry.bundles import MOST_LOADED, loaded
from apps.registry.models import ModelVersion
from apps.registry.services import load
from ml_core.data.complete import complete
from ml_core.data.gallery import faults_of
from ml_core.data.media import MemoryMedia
from ml_core.data.validate import Checker
from ml_core.errors import AssayError, ConfigError, DataError, Issue, ModelError
from ml_core.plain import plain
from solutions.api import TableBatch

if TYPE_CHECKING:
    from pathlib import Path

    from ml_core.data.schema import Schema
    from solutions.api import Options, Predictor, Solution

MOST_BYTES = 64 * 2**20
_log = structlog.get_logger("assay.answers")
# A model is used by one request at a time: two at once would each take all cores.
_one_at_a_time = threading.Lock()


def answer(question: Question) -> Said:
    """Answer one row.

    Raises: DataError: if the row breaks a rule. ModelError: if the model cannot be used.
        ConfigError: if the settings are not the solution's.
    """
    model = ModelVersion.objects.filter(pk=question.model).first()
    if model is None:
        message = "The model must exist. It does not. Choose another."
        raise ModelError(message)
    solution = find_solution(model.solution)
    chosen = solution.settings(**read_options(solution.settings, question.settings))
    frame = frame_of(question.row, solution.inputs())
    batch = TableBatch(frame, media=MemoryMedia(question.files))
    if errors := [issue for issue in solution.validate(batch) if issue.severity == "error"]:
        raise DataError(errors)
    _require_sounds(batch, solution.inputs())
    with _one_at_a_time:
        predictor = load(model)
        started = time.perf_counter()
        return _said(solution, predictor, batch, chosen, started)


def _said(
    solution: Solution[Any],
    predictor: Predictor,
    batch: TableBatch,
    chosen: Options,
    started: float,
) -> Said:
    predictions = predictor.predict(batch, settings=chosen)
    reports = solution.explain(predictor, [0], batch, settings=chosen)
    seconds = time.perf_counter() - started
    report = plain(reports[0].to_json()) if 0 in reports else []
    return Said(plain(predictions.frame.row(0, named=True)), report, seconds)


def frame_of(row: Any, schema: Schema) -> pl.DataFrame:
    """Return a checked frame of one row; labels may be left out.

    Raises: DataError: naming the column that breaks a rule.
    """
    known = {name: row[name] for name in schema.names if row.get(name) is not None}
    label = schema.role("label")
    missing = [
        c for c in schema.required if c.name not in known and c is not label and not c.nullable
    ]
    if missing:
        raise DataError([_missing(column.name) for column in missing])
    checker = Checker(schema)
    texts = {name: [str(value)] for name, value in known.items()}
    frame = checker.add(pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String)))
    if errors := checker.finish().errors:
        raise DataError(errors)
    return complete(frame, schema)


def _require_sounds(batch: TableBatch, schema: Schema) -> None:
    """Refuse a sound that cannot be heard, also where the model would not listen to it.

    Pictures need no such look: each model that takes one decodes it.
    Raises: DataError: naming its column.
    """
    row = batch.targets.row(0, named=True)
    sounds = [c.name for c in schema.columns if c.kind == "audio" and row.get(c.name)]
    issues = [
        replace(issue, column=name)
        for name in sounds
        for issue in faults_of(batch.media, row[name], "audio")
    ]
    if issues:
        raise DataError(issues)


def _missing(name: str) -> Issue:
    message = f"Column {name} must be given. Got nothing. Add it."
    return Issue("missing_column", message, column=name)


class Handler(BaseHTTPRequestHandler):
    """One request is one question."""

    protocol_version = "HTTP/1.0"

    def do_POST(self) -> None:
        """Read a question, answer it, or say why not."""
        length = int(self.headers.get("Content-Length", 0))
        if length > MOST_BYTES:
            self._send(413, {"kind": "config", "message": "A question must be at most 64 MiB."})
            return
        close_old_connections()
        try:
            said = answer(Question.from_json(json.loads(self.rfile.read(length))))
        except DataError as error:
            issues = [asdict(issue) for issue in error.issues]
            self._send(422, {"kind": "data", "issues": issues})
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
        """Tell that the process lives, and which models it holds; waits for no question."""
        memory_mb = psutil.Process().memory_info().rss / 2**20
        self._send(200, {"models": loaded(), "memory_mb": round(memory_mb, 1), "pid": os.getpid()})

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
    """A server on a Unix socket that only this user may open."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        super().__init__(str(path), Handler)
        path.chmod(0o600)

    def get_request(self) -> tuple[Any, Any]:
        """Accept; the peer of a Unix socket has no address."""
        request, _ = super().get_request()
        return request, ("socket", 0)


def warm(most: int = MOST_LOADED) -> None:
    """Load the newest live models, so that the first question need not wait."""
    for model in ModelVersion.objects.filter(stage="live").order_by("-promoted_at")[:most]:
        try:
            load(model)
        except Exception:  # noqa: BLE001  it will be told to whoever asks
            _log.warning("a live model could not be loaded", model=str(model.pk))
