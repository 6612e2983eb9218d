"""Files of questions as browsers may show them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from django.http import Http404

from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from ml_core.data import pictures

if TYPE_CHECKING:
    from typing import BinaryIO

    from apps.answers.models import Answer

LONGEST_SIDE = 4096
_SOUNDS = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg", "flac": "audio/flac"}


def shown(answer: Answer, column: str) -> tuple[BinaryIO, str]:
    """Return a file and its type: a picture is drawn anew, so nothing but pixels is sent."""
    kind = find_solution(answer.solution).inputs()[column].kind
    kept = answer.files[column]
    if kind == "image":
        with storage.open_blob(kept["blob"]) as stream:
            data = pictures.thumbnail(stream.read(), LONGEST_SIDE)
        return io.BytesIO(data), "image/jpeg"
    ending = kept["name"].rsplit(".", 1)[-1].lower()
    if ending not in _SOUNDS:
        raise Http404
    return storage.open_blob(kept["blob"]), _SOUNDS[ending]
