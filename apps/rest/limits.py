"""How often a caller may ask, told in each answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rest_framework.throttling import AnonRateThrottle, SimpleRateThrottle, UserRateThrottle

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request
    from rest_framework.views import APIView


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests there are in a time, how many are left, and when all are again."""

    limit: int
    left: int
    reset_s: int


class _Counted(SimpleRateThrottle):
    num_requests: int | None
    duration: int | None

    def allow_request(self, request: Request, view: APIView) -> bool:
        self.history: list[float] = []
        is_allowed = super().allow_request(request, view)
        if self.rate is not None and self.get_cache_key(request, view) is not None:
            _note(request, self._allowance())
        return is_allowed

    def _allowance(self) -> Allowance:
        limit, duration = int(self.num_requests or 0), float(self.duration or 0)
        oldest = self.history[-1] if self.history else self.now
        reset_s = max(0, round(oldest + duration - self.now))
        return Allowance(limit, max(0, limit - len(self.history)), reset_s)


def _note(request: Request, found: Allowance) -> None:
    http: Any = request._request  # noqa: SLF001  what outlives the request of the framework
    known: Allowance | None = getattr(http, "allowance", None)
    if known is None or found.left < known.left:
        http.allowance = found


class StrangerLimit(_Counted, AnonRateThrottle):
    """How often one machine may ask without saying who it is."""


class CallerLimit(_Counted, UserRateThrottle):
    """How often one person may ask."""


def tell(request: Any, response: HttpResponseBase) -> None:
    """Write the allowance of a caller into the headers of an answer."""
    found: Allowance | None = getattr(request, "allowance", None)
    if found is not None:
        response["RateLimit-Limit"] = str(found.limit)
        response["RateLimit-Remaining"] = str(found.left)
        response["RateLimit-Reset"] = str(found.reset_s)
