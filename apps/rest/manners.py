"""How every address of the REST interface behaves, whichever app offers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

from django.urls import URLPattern, URLResolver
from rest_framework.exceptions import AuthenticationFailed, ParseError
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.rest import idempotency, limits
from apps.rest.models import KeptAnswer
from apps.rest.words import require_storable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class _SaidBeforeError(Exception):
    """Ends a request whose answer is known."""

    def __init__(self, kept: KeptAnswer) -> None:
        super().__init__()
        self.kept = kept


class Manners(APIView):
    """Content that can be stored, one effect for a key, and limits in the headers."""

    claim: idempotency.Claim | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except BaseException:
            self._give_up()
            raise

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Ask who it is and whether he may, as ever; then read and know again the content."""
        super().initial(request, *args, **kwargs)
        method = request.method or ""
        if method not in WITH_BODY or not hasattr(self, method.lower()):
            return
        require_storable(_data_of(request))
        key = idempotency.key_of(request) if method == "POST" else ""
        if key:
            user: Any = request.user
            found = idempotency.claim(user, key, idempotency.digest_of(request))
            if isinstance(found, KeptAnswer):
                raise _SaidBeforeError(found)
            self.claim = found

    def perform_authentication(self, request: Request) -> None:
        """Count who shows a key that is none: nobody guesses keys at will."""
        try:
            super().perform_authentication(request)
        except AuthenticationFailed:
            self.check_throttles(request)
            raise

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        """Count strangers; the framework counts a request only once it may go on."""
        if not request.user.is_authenticated:
            self.check_throttles(request)
        super().permission_denied(request, message, code)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _SaidBeforeError):
            return cast("Response", idempotency.again(exc.kept))
        problem: Response = super().handle_exception(exc)
        return problem

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        limits.tell(request._request, answer)  # noqa: SLF001
        if self.claim is not None:
            self._end(answer)
        return answer

    def _end(self, answer: HttpResponse) -> None:
        claim = self.claim
        is_unfinished = isinstance(answer, idempotency.UnfinishedResponse)
        if claim is None or is_unfinished or answer.streaming or answer.status_code >= 300:
            self._give_up()
            return
        if isinstance(answer, Response):
            answer.render()
        idempotency.keep(claim, answer)
        self.claim = None

    def _give_up(self) -> None:
        if self.claim is not None:
            idempotency.give_up(self.claim)
            self.claim = None


def _data_of(request: Request) -> Any:
    try:
        return request.data
    except RecursionError as error:
        raise ParseError("JSON must not be nested so deep. Send it flatter.") from error


def with_manners(view: type[Any]) -> type[Any]:
    """Return a view as it is, with the manners of this house."""
    own = {"__module__": view.__module__, "__qualname__": view.__qualname__}
    return type(view.__name__, (Manners, view), {**own, "__doc__": view.__doc__})


def all_with_manners(patterns: Iterable[URLPattern | URLResolver]) -> None:
    """Give manners to the views behind some addresses."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            all_with_manners(pattern.url_patterns)
            continue
        callback: Any = pattern.callback
        view = with_manners(callback.cls)
        if actions := getattr(callback, "actions", None):
            pattern.callback = view.as_view(actions, **callback.initkwargs)
        else:
            pattern.callback = view.as_view(**callback.initkwargs)
