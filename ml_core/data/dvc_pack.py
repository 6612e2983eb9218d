"""Give a file away as a repository of DVC in a ZIP, piece by piece."""

from __future__ import annotations

import zipfile
from typing import IO, TYPE_CHECKING

from ml_core.data.archive import ZipPieces
from ml_core.data.dvc_files import ENDING, cache_path, dvc_file, md5_of, pieces_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

CONFIG = "[core]\n    no_scm = true\n    analytics = false\n"


def pieces(name: str, source: Callable[[], AbstractContextManager[IO[bytes]]]) -> Iterator[bytes]:
    """Yield a ZIP with a file, its `.dvc` file, and the cache from which DVC restores it.

    `source` opens the file, three times: for its digest, its place and the cache. The repository
    needs no Git; within one of Git, its `.dvc` file and cache are merged by unpacking over it.
    """
    with source() as stream:
        md5, size = md5_of(stream)
    out = ZipPieces()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(".dvc/config"), CONFIG)
        archive.writestr(zipfile.ZipInfo(f"{name}{ENDING}"), dvc_file(name, md5, size))
        for place in (name, cache_path(md5)):
            with (
                source() as stream,
                archive.open(zipfile.ZipInfo(place), "w", force_zip64=True) as to,
            ):
                for piece in pieces_of(stream):
                    to.write(piece)
                    yield out.take()
    yield out.take()
