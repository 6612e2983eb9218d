"""Parts of a file, by which players jump within a sound; some play nothing without."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.http import HttpResponse

if TYPE_CHECKING:
    from django.http import HttpRequest

_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")


def whole_or_part(request: HttpRequest, data: bytes, kind: str) -> HttpResponse:
    """Answer with the bytes that a request asks for: from one place on, or up to another.

    Whoever asks for several parts at once, or for the last few bytes, gets the whole, as HTTP
    allows (RFC 9110, section 14.2).
    """
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None:
        return _told(data, kind)
    first = int(asked[1])
    last = min(int(asked[2] or len(data)), len(data) - 1)
    if first >= len(data):
        refused = _told(b"", kind, status=416)
        refused["Content-Range"] = f"bytes */{len(data)}"
        return refused
    if last < first:
        return _told(data, kind)
    part = _told(data[first : last + 1], kind, status=206)
    part["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return part


def _told(data: bytes, kind: str, status: int = 200) -> HttpResponse:
    answer = HttpResponse(data, content_type=kind, status=status)
    answer["Accept-Ranges"] = "bytes"
    answer["Content-Length"] = str(len(data))
    return answer
