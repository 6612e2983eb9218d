"""The one place where an error becomes a page, a fragment of a page, or problem+json."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
    ValidationError,
)
from django.db import DataError as UnstorableError
from django.http import Http404, JsonResponse
from django.shortcuts import render
from rest_framework import exceptions as drf
from rest_framework.response import Response

from apps.answers.wire import ModelProcessError
from apps.datasets.errors import LostFileError
from ml_core.errors import (
    AssayError,
    BusyError,
    CancelledError,
    ConfigError,
    DataError,
    DeviceError,
    IntegrityError,
    JobError,
    ModelError,
    NotAllowedError,
)

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

log = structlog.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"
MAX_ISSUES = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as people and programs are told of it: what happened, and what to do next."""

    status: int
    title: str
    detail: str
    code: str
    advice: str = ""
    issues: tuple[Mapping[str, Any], ...] = ()
    fields: Mapping[str, list[str]] = field(default_factory=dict)
    retry_after_s: int | None = None

    def to_json(self, request: HttpRequest) -> dict[str, Any]:
        """Return the members of RFC 9457 and our own; what is empty is left out."""
        body: dict[str, Any] = {
            "type": f"urn:assay:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": request.path,
            "request_id": request_id(),
            "advice": self.advice,
            "issues": list(self.issues),
            "fields": dict(self.fields),
        }
        return {key: value for key, value in body.items() if value not in ("", [], {})}


NOT_FOUND = Problem(
    404,
    "Not found",
    "There is no such page, or it belongs to a team that you are not in.",
    "not-found",
    "Check the address, or go back to where you came from.",
)
FORBIDDEN = Problem(
    403,
    "Not allowed",
    "Your role does not allow this.",
    "not-allowed",
    "Ask an administrator for the right, or somebody who has it to do it.",
)
BROKEN = Problem(
    500,
    "Something went wrong",
    "The server failed while it worked on this. What was stored before is still there.",
    "internal",
    "Try again. If it stays, tell your administrator the number below.",
)
CSRF = Problem(
    403,
    "This form is too old",
    "The form could not be checked, so nothing was changed.",
    "csrf",
    "Load the page again and send the form once more.",
)
TOO_LARGE = Problem(
    413,
    "Too large",
    "What was sent is larger than this installation accepts. Nothing was stored.",
    "too-large",
    "Split the file, or ask an administrator to raise the limit.",
)
THROTTLED = Problem(
    429,
    "Too many requests",
    "There were too many requests in a short time.",
    "throttled",
    "Wait a moment and try again.",
)
BUSY = Problem(
    429,
    "Too much to do",
    "There is more to do than can be done in time.",
    "busy",
    "Nothing was stored. Wait a moment and send it again.",
)
BAD_REQUEST = Problem(
    400,
    "Bad request",
    "The request could not be understood. Nothing was changed.",
    "bad-request",
    "Go back, load the page again and try once more.",
)
WRONG_METHOD = Problem(
    405,
    "Not this way",
    "This address does not take such a request. Nothing was changed.",
    "wrong-method",
    "Go back to the page that you came from, and use its buttons.",
)
INVALID = Problem(
    400,
    "Not valid",
    "Some fields are not valid. Nothing was changed.",
    "invalid",
    "Correct them and send it again.",
)
UNSTORABLE = replace(INVALID, detail="A value cannot be stored as it is. Nothing was changed.")
LOGIN_NEEDED = Problem(
    401,
    "Not logged in",
    "This needs a login or an API key.",
    "not-authenticated",
    "Send the header Authorization: Bearer with a key from the settings page.",
)


def describe(error: Exception) -> Problem | None:
    """Return what people are told of an error, or `None` for one that nobody foresaw."""
    if isinstance(error, AssayError):
        return _of_ours(error)
    if isinstance(error, drf.APIException):
        return _of_drf(error)
    if isinstance(error, ValidationError):
        return _invalid(error)
    if isinstance(error, BadRequest):
        return replace(BAD_REQUEST, detail=str(error) or BAD_REQUEST.detail)
    for kinds, problem in _OF_DJANGO:
        if isinstance(error, kinds):
            return problem
    return None


_OF_DJANGO: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Problem], ...] = (
    (Http404, NOT_FOUND),
    (PermissionDenied, FORBIDDEN),
    ((RequestDataTooBig, TooManyFilesSent, TooManyFieldsSent), TOO_LARGE),
    (SuspiciousOperation, BAD_REQUEST),
    (UnstorableError, UNSTORABLE),
)

_OF_OURS: tuple[tuple[type[AssayError], int, str, str, str], ...] = (
    (ConfigError, 400, "This setting cannot work", "config", "Change it and try again."),
    (NotAllowedError, 403, FORBIDDEN.title, FORBIDDEN.code, FORBIDDEN.advice),
    (ModelError, 409, "This model cannot be used", "model", "Choose another model."),
    (LostFileError, 409, "A stored file is gone", "lost-file", "Ask an administrator."),
    (IntegrityError, 409, "A stored file is damaged", "damaged", "Ask an administrator."),
    (CancelledError, 409, "Cancelled", "cancelled", ""),
    (DeviceError, 409, "The device is not there", "device", "Choose another device."),
)


def _of_ours(error: AssayError) -> Problem:
    detail = str(error)
    if isinstance(error, ModelProcessError):
        return Problem(503, "Nobody answers", detail, "no-model-process", "Try again in a moment.")
    if isinstance(error, BusyError):
        return replace(BUSY, detail=detail, retry_after_s=_seconds_to_wait(error))
    if isinstance(error, DataError):
        issues = tuple(asdict(issue) for issue in error.issues[:MAX_ISSUES])
        advice = "Correct the data and send it again. Nothing was stored of it."
        return Problem(422, "This data cannot be used", detail, "data", advice, issues)
    if isinstance(error, JobError):
        return Problem(409 if error.permanent else 500, "This job cannot go on", detail, "job")
    for kind, status, title, code, advice in _OF_OURS:
        if isinstance(error, kind):
            return Problem(status, title, detail or title, code, advice)
    return Problem(400, BAD_REQUEST.title, detail, BAD_REQUEST.code)


def _invalid(error: ValidationError) -> Problem:
    fields = error.message_dict if hasattr(error, "error_dict") else {}
    detail = INVALID.detail if fields else " ".join(error.messages)
    return Problem(
        400, "Not valid", detail, "invalid", "Correct them and send it again.", (), fields
    )


def _of_drf(error: drf.APIException) -> Problem:
    if isinstance(error, drf.ValidationError):
        fields = _flatten(error.detail)
        advice = "Correct them and send it again. Nothing was changed."
        return Problem(
            400, "Not valid", "Some fields are not valid.", "invalid", advice, (), fields
        )
    if isinstance(error, drf.Throttled):
        wait = getattr(error, "wait", None)
        wait = None if wait is None else max(1, round(wait))
        return replace(THROTTLED, retry_after_s=wait)
    if isinstance(error, drf.NotAuthenticated | drf.AuthenticationFailed):
        return replace(LOGIN_NEEDED, status=error.status_code, detail=str(error.detail))
    if isinstance(error, drf.PermissionDenied):
        return FORBIDDEN
    title = HTTPStatus(error.status_code).phrase.capitalize()
    code, wait = str(error.default_code), getattr(error, "wait", None)
    return Problem(error.status_code, title, str(error.detail), code, retry_after_s=wait)


def _flatten(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Return messages by field; nested fields are joined with dots."""
    if isinstance(detail, Mapping):
        fields: dict[str, list[str]] = {}
        for key, value in detail.items():
            fields.update(_flatten(value, f"{path}.{key}" if path else str(key)))
        return fields
    if isinstance(detail, list):
        words = [str(item) for item in detail if not isinstance(item, Mapping | list)]
        fields = {path or "non_field_errors": words} if words else {}
        for index, item in enumerate(detail):
            if isinstance(item, Mapping | list):
                fields.update(_flatten(item, f"{path}.{index}" if path else str(index)))
        return fields
    return {path or "non_field_errors": [str(detail)]}


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Answer in the form that was asked for: problem+json, an htmx fragment, or a page."""
    if wants_json(request):
        response: HttpResponse = JsonResponse(
            problem.to_json(request), status=problem.status, content_type=PROBLEM_JSON
        )
    elif request.headers.get("HX-Request") == "true":
        response = _page(request, "web/components/problem.html", problem)
        # An error never replaces what was there: it is told in the region for messages.
        response["HX-Retarget"] = "#messages"
        response["HX-Reswap"] = "innerHTML"
    else:
        response = _page(request, "web/error.html", problem)
    return _with_headers(response, problem)


def _page(request: HttpRequest, template: str, problem: Problem) -> HttpResponse:
    # A page for a broken server asks nothing of the database, which may be what is broken.
    is_framed = problem.status < 500 and getattr(request, "user", None) is not None
    is_framed = is_framed and request.user.is_authenticated
    context = {
        "problem": problem,
        "request_id": request_id(),
        "frame": "web/base.html" if is_framed else "web/base_auth.html",
    }
    return render(request, template, context, status=problem.status)


def too_busy(page: HttpResponse, error: BusyError) -> HttpResponse:
    """Let a page that tells of it say by its status that there was no room, and until when."""
    page.status_code = BUSY.status
    page["Retry-After"] = str(_seconds_to_wait(error))
    return page


def _seconds_to_wait(error: BusyError) -> int:
    return max(1, math.ceil(error.retry_after_s))


def _with_headers(response: HttpResponse, problem: Problem) -> HttpResponse:
    if problem.retry_after_s is not None:
        response["Retry-After"] = str(problem.retry_after_s)
    return response


def wants_json(request: HttpRequest) -> bool:
    """Say whether a program asks: the REST API, or a caller who accepts JSON and no page."""
    if request.path.startswith("/api/") and not request.path.startswith("/api/docs"):
        return True
    accept = request.headers.get("Accept", "")
    return "json" in accept and "text/html" not in accept


def request_id() -> str:
    """Return the id by which this request is found in the log."""
    bound = structlog.contextvars.get_contextvars().get("request")
    return str(bound or "unknown")


class ErrorMiddleware:
    """Turn the errors that we foresee into answers, and tell each request's id in a header."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == WRONG_METHOD.status and not response.content:
            allow = response.get("Allow", "")
            response = respond(request, WRONG_METHOD)
            response["Allow"] = allow
        response["X-Request-ID"] = request_id()
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        problem = describe(error)
        if problem is None:
            return None
        log.info("problem", status=problem.status, code=problem.code, path=request.path)
        return respond(request, problem)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an error of the REST API with problem+json (setting EXCEPTION_HANDLER of DRF)."""
    problem = describe(error)
    if problem is None:
        return None
    request = context["request"]
    response = Response(problem.to_json(request), status=problem.status, content_type=PROBLEM_JSON)
    if challenge := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = challenge
    if problem.retry_after_s is not None:
        response["Retry-After"] = str(problem.retry_after_s)
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400 (handler400)."""
    return respond(request, (describe(exception) if exception else None) or BAD_REQUEST)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403 (handler403)."""
    return respond(request, FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404 (handler404)."""
    return respond(request, NOT_FOUND)


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 429 (handler429 of allauth, and the lock-out of axes)."""
    return respond(request, THROTTLED)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 (handler500); the trace is in the log under the id that is shown."""
    log.error("unforeseen", path=request.path, request=request_id())
    return respond(request, BROKEN)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid token (setting CSRF_FAILURE_VIEW)."""
    return respond(request, CSRF)
