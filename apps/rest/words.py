"""Values that no database keeps and no JSON tells: refused at the door, for every address."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.core.exceptions import BadRequest
from rest_framework.exceptions import ParseError

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

DEEPEST = 64
NUL = "\x00"


def refuse_nul(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Refuse addresses with a NUL byte, which PostgreSQL cannot even compare with."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if NUL in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("An address must have no NUL byte. Leave it out.")
        return get_response(request)

    return middleware


def require_storable(data: Any) -> None:
    """Refuse content with NUL bytes, halves of characters, or numbers beyond all bounds.

    Raises: ParseError: if there is one.
    """
    for value, depth in _walk(data):
        if depth > DEEPEST:
            raise ParseError(f"JSON must be nested at most {DEEPEST} deep. Send it flatter.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ParseError("A number must be finite. Got one beyond all bounds. Correct it.")
        if isinstance(value, str) and not _is_storable(value):
            raise ParseError(
                "A text must be of whole Unicode characters other than NUL. Correct it."
            )


def _is_storable(text: str) -> bool:
    return NUL not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _walk(data: Any) -> Iterator[tuple[Any, int]]:
    waiting: list[tuple[Any, int]] = [(data, 0)]
    while waiting:
        value, depth = waiting.pop()
        yield value, depth
        if isinstance(value, Mapping):
            pairs = value.lists() if hasattr(value, "lists") else value.items()
            waiting.extend((part, depth + 1) for pair in pairs for part in pair)
        elif isinstance(value, list | tuple):
            waiting.extend((part, depth + 1) for part in value)
