"""Take uploaded files straight into encrypted storage, counted and measured on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from apps.datasets import storage
from apps.datasets.errors import TooLargeError

if TYPE_CHECKING:
    from django.http import HttpRequest

CHUNK_BYTES = 2**20
FORM_BYTES = 2**20  # what the fields and the boundaries around a file may take


class StoredUpload(UploadedFile):  # type: ignore[type-arg]  # not subscriptable when it runs
    """An uploaded file that is in storage already; `blob` knows its name, size and digest."""

    def __init__(self, blob: storage.BlobWriter, filename: str, field: str) -> None:
        super().__init__(name=filename, size=blob.size)
        self.blob = blob
        self.field = field


class EncryptingUploadHandler(FileUploadHandler):
    """Encrypt the bytes of each upload as they come; nothing plain touches the disk.

    Call `discard` in the end: it removes what no version has adopted.
    """

    chunk_size = CHUNK_BYTES
    most_files = 1

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._writer: storage.BlobWriter | None = None
        self._uploads: list[StoredUpload] = []
        self._limit = int(settings.ASSAY_MAX_UPLOAD_BYTES)

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  Django's name
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> None:
        """Refuse at once what says of itself that it is too large, or has no room."""
        if content_length > self._limit + FORM_BYTES:
            raise TooLargeError(self._limit)
        storage.check_room(content_length)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file; there is one in a form, unless a page takes more."""
        super().new_file(*args, **kwargs)
        if len(self._uploads) >= self.most_files:
            raise SkipFile
        self._writer = storage.write("uploads")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Encrypt a piece."""
        if self._writer is None:
            return
        if start + len(raw_data) > self._limit:
            self.discard()
            raise TooLargeError(self._limit)
        self._writer.write(raw_data)

    def file_complete(self, file_size: int) -> StoredUpload | None:
        """Seal the file."""
        if self._writer is None:
            return None
        self._writer.close()
        upload = StoredUpload(self._writer, self.file_name or "file", self.field_name or "")
        self._writer = None
        self._uploads.append(upload)
        return upload

    def upload_interrupted(self) -> None:
        """Leave nothing of an upload that was cut."""
        self.discard()

    def keep(self, upload: StoredUpload) -> None:
        """Leave a file in storage: somebody answers for it now."""
        self._uploads = [other for other in self._uploads if other is not upload]

    def discard(self) -> None:
        """Remove what is unfinished and what nobody has kept."""
        if self._writer is not None:
            self._writer.abort()
            self._writer = None
        for upload in self._uploads:
            storage.delete(upload.blob.name)
        self._uploads = []
