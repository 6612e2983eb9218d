"""What happens around every request: a line in the log, and streams that stay streams."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponseBase]
_log = structlog.get_logger("assay.request")
_QUIET = ("/static/", "/healthz", "/readyz", "/metrics")
_SECRET = "/accounts/welcome/"  # noqa: S105  the address before the secret


def log_request(get_response: Handler) -> Handler:
    """Write one line a request, and bind its id to every line written meanwhile."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=uuid.uuid4().hex[:12])
        started = time.perf_counter()
        response = get_response(request)
        if not request.path.startswith(_QUIET):
            _log.info(
                "request",
                method=request.method,
                path=_shown(request.path),
                status=response.status_code,
                ms=round(1000 * (time.perf_counter() - started), 1),
            )
        return response

    return middleware


def _shown(path: str) -> str:
    """Leave out what proves who somebody is: the log would let its readers in."""
    return _SECRET if path.startswith(_SECRET) else path


def stream_in_threads(get_response: Handler) -> Handler:
    """Hand a stream on piece by piece under ASGI, where Django would collect it in memory first."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if (
            hasattr(request, "scope")
            and isinstance(response, StreamingHttpResponse)
            and not response.is_async
        ):
            response.streaming_content = _pieces(iter(response.streaming_content))  # type: ignore[arg-type]
        return response

    return middleware


async def _pieces(stream: Iterator[bytes]) -> AsyncIterator[bytes]:
    take: Any = sync_to_async(next, thread_sensitive=False)
    while (piece := await take(stream, None)) is not None:
        yield piece
