# ruff: noqa: E402  Django must know its settings before its apps are imported
"""The product's own process around the small CNN: `_ask_server.py SOCKET ONNX BUDGET_MS`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

import numpy as np

from apps.answers.server import ModelServer
from apps.answers.wire import Question, Said
from benchmarks._served_models import decoded
from ml_core.runtime.batching import Batcher
from ml_core.runtime.pauses import spare_what_lives
from ml_core.runtime.session import Session
from ml_core.runtime.waiting import Limits


class Serving:
    """One model, and no database."""

    def __init__(self, path: Path, budget_ms: float) -> None:
        self.session = Session(path, "cpu", threads=1)
        limits = Limits(32, budget_ms, 100_000)
        self.batcher: Batcher[Any, int] = Batcher(self.run, limits)

    def run(self, items: list[Any]) -> list[int]:
        odds = self.session.run({"pictures": np.stack(items)})["odds"]
        return [int(row.argmax()) for row in odds]

    def answer(self, question: Question) -> Said:
        return Said({"label": self.batcher.ask(decoded(question.row["picture"]))}, [], 0.0)

    def look(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        self.batcher.close()


def main() -> None:
    socket, onnx, budget_ms = sys.argv[1:]
    server = ModelServer(Path(socket))
    server.serving.close()
    server.serving = Serving(Path(onnx), float(budget_ms))  # type: ignore[assignment]
    spare_what_lives()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
    Path(socket).unlink(missing_ok=True)
    server.server_close()


main()
