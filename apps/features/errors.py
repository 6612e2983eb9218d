"""Why features cannot be looked up now, as HTTP says it."""

from __future__ import annotations

from rest_framework import status
from rest_framework.exceptions import APIException


class StoreUnreachableError(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "no-feature-store"
    default_detail = (
        "The online store must answer. It does not. Nothing was lost: try again in a moment, and "
        "tell an administrator if it stays."
    )
