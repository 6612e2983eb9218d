"""How the REST interface knows who calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed

from apps.accounts.services import PREFIX, user_of_key

if TYPE_CHECKING:
    from rest_framework.request import Request

    from apps.accounts.models import User


class ApiKeyAuthentication(BaseAuthentication):
    """Know a program by `Authorization: Bearer assay_...`."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(PREFIX):
            return None
        user = user_of_key(token)
        if user is None:
            raise AuthenticationFailed(
                "The API key must be one that exists and has not run out. "
                "Make a new one under Settings."
            )
        structlog.contextvars.bind_contextvars(user=str(user.pk))
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="assay"'


class PageSessionAuthentication(SessionAuthentication):
    """Know a person who has logged in at the pages; answers 401, not 403, to a stranger."""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="assay"'


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "apps.accounts.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "assay_..."}


class PageSessionScheme(OpenApiAuthenticationExtension):
    target_class = "apps.accounts.authentication.PageSessionAuthentication"
    name = "Session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
