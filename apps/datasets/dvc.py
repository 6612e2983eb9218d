"""Versions that come from repositories of DVC, and versions that go into one."""

from __future__ import annotations

import io
import zipfile
from functools import partial
from typing import IO, TYPE_CHECKING

from django.http import StreamingHttpResponse
from django.utils.text import get_valid_filename, slugify

from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets import services, storage
from apps.datasets.errors import ConflictError
from apps.datasets.models import Origin
from ml_core.data import archive
from ml_core.data.dvc_files import Shelf, choose, copy_out, entries, listed, member
from ml_core.data.dvc_pack import pieces
from ml_core.data.labels.read import has_pictures
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Callable

    from apps.accounts.models import Team, User
    from apps.datasets.models import Dataset, DatasetVersion
    from ml_core.data.dvc_files import Entry, Repository


def import_repository(  # noqa: PLR0913  from where, what of it, for whom, and as what
    repository: Repository,
    *,
    entry: str,
    user: User | None,
    team: Team,
    solution: str,
    name: str = "",
    dataset: Dataset | None = None,
    mapping: services.Mapped | None = None,
) -> DatasetVersion:
    """Take in the file that an entry of a repository stands for, held against its digest.

    A directory becomes an archive of its pictures, where the solution looks at pictures.

    Raises: DataError: if the repository or the file cannot be used. Nothing is kept then.
    """
    found = choose(entries(repository), entry)
    is_gallery = has_pictures(find_solution(solution).inputs())
    if found.is_directory and not is_gallery:
        message = (
            f"A table must be one file of the repository. Got the directory {found.path[:120]!r}. "
            "Choose the entry of a file."
        )
        raise DataError(Issue("bad_dvc", message))
    shelf = Shelf(repository)
    with storage.write("uploads") as blob:
        if found.is_directory:
            _pack(shelf, found, blob)
        else:
            copy_out(shelf, found, blob.write)
    filename = f"{found.name}.zip" if found.is_directory else found.name
    version = services.adopt(
        blob, user=user, team=team, solution=solution, name=name or found.name, filename=filename,
        dataset=dataset, mapping=mapping, origin=Origin.DVC,
    )  # fmt: skip
    record(
        "dataset.imported", actor=user, team=team, thing=version, md5=found.md5,
        dvc_file=found.dvc_file[:200], path=found.path[:200],
    )  # fmt: skip
    return version


class _Onward(io.RawIOBase):
    """An encrypted file as `zipfile` writes into it: one that cannot go back."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        super().__init__()
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self._write(data)
        return len(data)


def _pack(shelf: Shelf, found: Entry, blob: storage.BlobWriter) -> None:
    with zipfile.ZipFile(_Onward(blob.write), "w", zipfile.ZIP_STORED) as packed:
        for path, md5 in listed(shelf, found).items():
            with packed.open(zipfile.ZipInfo(path), "w", force_zip64=True) as out:
                member(shelf, found, path, md5, partial(_write_within, out, blob, path))


def _write_within(out: IO[bytes], blob: storage.BlobWriter, path: str, piece: bytes) -> None:
    """Write a piece of a file, unless the archive would be larger than any may be.

    A list may name one file again and again, so the size of the repository bounds nothing.
    """
    if blob.size + len(piece) > archive.MOST_BYTES:
        message = (
            f"A directory of a DVC repository must be at most {archive.MOST_BYTES:,} bytes with "
            f"all files that it lists. Got more, at {path[:120]!r}. Split it."
        )
        raise DataError(Issue("bad_dvc", message))
    out.write(piece)


def export_repository(found: DatasetVersion, user: User) -> StreamingHttpResponse:
    """Return a ZIP of a repository that holds a version: its file, or else its checked table.

    Raises: ConflictError: if it has neither, or is made of pictures that are in another one's file.
    """
    if found.has_own_file:
        name, blob = _plain_name(found), found.source_blob
    elif found.is_ready and not found.has_pictures:
        name, blob = f"{_stem(found)}.parquet", found.prepared_blob
    else:
        message = (
            "A version must have a file of its own to be exported for DVC. This one shares the "
            "pictures of another. Take its boxes as YOLO or COCO."
        )
        raise ConflictError(message)
    record("dataset.exported", actor=user, team=found.team, thing=found, form="dvc")
    response = StreamingHttpResponse(
        pieces(name, lambda: storage.open_blob(blob)), content_type="application/zip"
    )
    response["Content-Disposition"] = f'attachment; filename="{_stem(found)}-dvc.zip"'
    return response


def _stem(found: DatasetVersion) -> str:
    return f"{slugify(found.dataset.name) or 'data'}-v{found.number}"


def _plain_name(found: DatasetVersion) -> str:
    """Return a name that is a plain file in any folder."""
    try:
        name = get_valid_filename(found.filename)
    except ValueError:
        name = ""
    return name.lstrip(".") or _stem(found)
