"""What happens to who guesses passwords."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render


def username(request: HttpRequest | None, credentials: dict[str, Any] | None) -> str:
    """Return the address that a log-in was tried with, wherever it stands."""
    given = (credentials or {}).get("email") or (credentials or {}).get("username")
    if not given and request is not None:
        given = request.POST.get("login")
    return str(given or "").strip().lower()


def answer(
    request: HttpRequest, response: HttpResponse | None = None, credentials: Any = None
) -> HttpResponse:
    """Say that there were too many attempts, and how long to wait."""
    detail = (
        "Too many wrong passwords were given for this address. "
        "Wait 15 minutes and try again, or ask an admin for help."
    )
    if "json" in request.headers.get("Accept", ""):
        problem = {"type": "about:blank", "title": "Locked", "status": 429, "detail": detail}
        return JsonResponse(problem, status=429, content_type="application/problem+json")
    return render(request, "accounts/locked.html", {"detail": detail}, status=429)
