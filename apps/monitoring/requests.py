"""Times of requests and answers, counted by each web process in a file that all can add up."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

Handler = Callable[[HttpRequest], HttpResponseBase]
_FILE = re.compile(r"_(\d+)\.db$")
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.6, 1.0, 2.5, 5.0, 10.0, 30.0)
# In no registry: those of all processes are read from their files together.
_nowhere = CollectorRegistry()
REQUESTS = Histogram(
    "assay_http_request_seconds", "Time to answer a request, until its body begins.",
    ["route", "method", "status"], buckets=_SECONDS, registry=_nowhere,
)  # fmt: skip
ANSWERS = Histogram(
    "assay_answer_seconds", "Time that a model took for one answer.", ["solution"],
    buckets=_SECONDS, registry=_nowhere,
)  # fmt: skip


def time_request(get_response: Handler) -> Handler:
    """Count each request by the name of its address, which holds no id of anybody."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = get_response(request)
        if not request.path.startswith("/static/"):
            match = request.resolver_match
            route = match.view_name or match.route if match else "none"
            method = request.method if request.method in _METHODS else "other"
            took = time.perf_counter() - started
            REQUESTS.labels(route, method, f"{response.status_code // 100}xx").observe(took)
        return response

    return middleware


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def add_up(registry: CollectorRegistry) -> None:
    """Let a registry show what all web processes have counted."""
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]


def forget_the_last_start() -> None:
    """Begin from zero when no process that counted is alive any more."""
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    files = list(folder.glob("*.db"))
    counted = {int(found[1]) for file in files if (found := _FILE.search(file.name))}
    if any(psutil.pid_exists(pid) for pid in counted - {os.getpid()}):
        return
    for file in files:
        file.unlink(missing_ok=True)
