"""Times in pages are shown in the zone of who reads them."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

Handler = Callable[[HttpRequest], HttpResponseBase]


def use_own_timezone(get_response: Handler) -> Handler:
    """Activate the person's time zone; a request without a session costs no query."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            timezone.activate(zoneinfo.ZoneInfo(request.user.timezone))
        else:
            timezone.deactivate()
        return get_response(request)

    return middleware
