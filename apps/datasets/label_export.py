"""Pictures and boxes of a version as a ZIP to take away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, StreamingHttpResponse
from django.utils.text import slugify

from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets.labels import boxes_column
from apps.datasets.services import load_frame, open_media
from ml_core.data.labels.box import from_text
from ml_core.data.labels.pack import FORMS, Form, pieces
from ml_core.data.labels.read import image_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.accounts.models import User
    from apps.datasets.models import DatasetVersion
    from ml_core.data.schema import Column


def export_of(
    found: DatasetVersion, form: str, user: User, *, with_pictures: bool
) -> StreamingHttpResponse:
    """Return a stream to keep as a file. Raises: Http404: for another form, or without boxes."""
    column = boxes_column(found)
    if column is None or form not in FORMS:
        raise Http404
    record(
        "dataset.exported", actor=user, team=found.team, thing=found, form=form,
        with_pictures=with_pictures,
    )  # fmt: skip
    zipped = _zipped(found, column, form, with_pictures=with_pictures)
    response = StreamingHttpResponse(zipped, content_type="application/zip")
    name = slugify(found.dataset.name) or "pictures"
    file = f"{name}-v{found.number}-{form}{'' if with_pictures else '-labels'}.zip"
    response["Content-Disposition"] = f'attachment; filename="{file}"'
    return response


def _zipped(
    found: DatasetVersion, column: Column, form: Form, *, with_pictures: bool
) -> Iterator[bytes]:
    image = image_column(find_solution(found.dataset.solution).inputs()).name
    frame = load_frame(found)
    cells = frame[column.name] if column.name in frame.columns else [None] * frame.height
    rows = [(name, from_text(cell)) for name, cell in zip(frame[image], cells, strict=True)]
    with open_media(found) as media:
        yield from pieces(rows, media, form, with_pictures=with_pictures)
