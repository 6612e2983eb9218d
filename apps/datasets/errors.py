"""Why a file is not taken, as HTTP says it."""

from __future__ import annotations

from rest_framework import status
from rest_framework.exceptions import APIException

from ml_core.errors import IntegrityError


class TooLargeError(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too-large"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"A file must be at most {limit:,} bytes. Got a larger one. Nothing was stored. "
            "Split it, or ask an administrator to raise the limit."
        )


class DiskFullError(APIException):
    status_code = status.HTTP_507_INSUFFICIENT_STORAGE
    default_code = "disk-full"

    def __init__(self, free: int) -> None:
        super().__init__(
            f"The disk of the server must have room for the file. It has {free:,} bytes left. "
            "Nothing was stored. Ask an administrator to make room, and send it again."
        )


class ConflictError(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class LostFileError(IntegrityError, FileNotFoundError):
    """A file that the database knows of, and that is not on the disk any more."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Files that are kept must be on the disk. {what[0].upper()}{what[1:]} is not there "
            "any more. Restore it from a backup."
        )
