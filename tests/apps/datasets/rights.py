"""What tests of whole addresses need where a table will not do: pictures with boxes."""

import polars as pl

from apps.datasets import storage
from tests.apps.pictures import squares_zip
from tests.apps.workshop import ready_version


def _pictures(people):
    with storage.write("uploads") as source:
        source.write(squares_zip(2))
    names = ["images/p00.png", "images/p01.png"]
    frame = pl.DataFrame({"row": [1, 2], "picture": names, "boxes": ["[]", None]})
    version = ready_version(people, frame, format="pictures", source_blob=source.name)
    version.dataset.solution = "casting"
    version.dataset.save()
    return version.id


def _other(people):
    return ready_version(people, name="Another").id


def _aside(people):
    with storage.write("aside") as blob:
        blob.write(b"row,reason\n")
    return ready_version(people, aside_blob=blob.name, origin="quarantine").id


OBJECTS = {
    "api:dataset-version-boxes": _pictures,
    "api:dataset-version-export": _pictures,
    "api:dataset-version-aside-file": _aside,
    "api:other": _other,
    "datasets:other_id": _other,
}
