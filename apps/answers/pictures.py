"""Files of questions as browsers may show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404

from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from ml_core.data import pictures
from ml_core.data.sounds import read_sound, write_sound
from ml_core.errors import DataError

if TYPE_CHECKING:
    from apps.answers.models import Answer

LONGEST_SIDE = 4096


def shown(answer: Answer, column: str) -> tuple[bytes, str]:
    """Return a file and its type, made anew: nothing but pixels or samples is sent.

    Raises: Http404: if it is gone, or is no picture and no sound.
    """
    kind = find_solution(answer.solution).inputs()[column].kind
    try:
        with storage.open_blob(answer.files[column]["blob"]) as stream:
            data = stream.read()
        if kind == "image":
            return pictures.thumbnail(data, LONGEST_SIDE), "image/jpeg"
        return write_sound(read_sound(data), bits=16), "audio/wav"
    except (DataError, FileNotFoundError) as error:
        raise Http404 from error
