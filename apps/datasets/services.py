"""What changes datasets: take in a file, say what its columns mean, read it, remove it."""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from django.db import transaction
from django.db.models import Max, ProtectedError

from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.datasets.errors import ConflictError
from apps.datasets.models import Dataset, DatasetVersion, Origin, VersionState
from apps.datasets.thumbs import folder_of
from apps.jobs.services import enqueue
from ml_core.data.archive import MOST_MEMBER_BYTES, members_of, open_archive
from ml_core.data.convert import ROW
from ml_core.data.labels.read import has_pictures
from ml_core.data.mapping import check_mapping, is_sure, suggestions
from ml_core.data.media import NO_MEDIA, ZipMedia
from ml_core.data.parquet_file import CHUNK_ROWS
from ml_core.data.pictures import ENDINGS
from ml_core.data.preview import Sniffed
from ml_core.data.read import sniff
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from apps.accounts.models import Team, User
    from apps.jobs.models import Job
    from ml_core.data.media import Media
    from ml_core.typing import Frame

Mapped = Literal["auto"] | dict[str, str]
COPY_BYTES = 2**20


def receive(  # noqa: PLR0913  who, for whom, what for, under which name, and the file
    *,
    user: User | None,
    team: Team,
    solution: str,
    name: str,
    filename: str,
    stream: BinaryIO,
    dataset: Dataset | None = None,
    mapping: Mapped | None = None,
) -> DatasetVersion:
    """Take in a file: encrypt it on the way, look into it, and keep it as a new version.

    With `mapping="auto"` it is checked at once if its columns leave no question; with columns
    named, it is. Without, a person confirms them. Nothing is kept of a file that is refused.

    Raises: DataError: if it is no table, or the mapping does not fit it.
    """
    with storage.write("uploads") as blob:
        while piece := stream.read(COPY_BYTES):
            blob.write(piece)
    return adopt(
        blob, user=user, team=team, solution=solution, name=name, filename=filename,
        dataset=dataset, mapping=mapping,
    )  # fmt: skip


def adopt(  # noqa: PLR0913  as receive
    blob: storage.BlobWriter,
    *,
    user: User | None,
    team: Team,
    solution: str,
    name: str,
    filename: str,
    dataset: Dataset | None = None,
    mapping: Mapped | None = None,
    origin: Origin = Origin.UPLOAD,
) -> DatasetVersion:
    """Make a version of a file that is stored already, or remove the file."""
    try:
        blob, filename, sniffed = _look_into(blob, solution, filename)
        chosen = {} if sniffed.format == "pictures" else _choose(solution, sniffed, mapping)
        with transaction.atomic():
            home = _dataset(dataset, solution, name, team, user)
            version = _add(
                blob, sniffed, user=user, team=team, filename=filename, dataset=home, origin=origin
            )
            if chosen is not None:
                _start_check(version, chosen, user, is_new=True)
    except BaseException:
        storage.delete(blob.name)
        raise
    version.refresh_from_db()
    return version


def _look_into(
    blob: storage.BlobWriter, slug: str, filename: str
) -> tuple[storage.BlobWriter, str, Sniffed]:
    """Find out what a file is; a single picture becomes an archive of one, and is called so."""
    if not has_pictures(find_solution(slug).inputs()):
        with storage.open_blob(blob.name) as stream:
            return blob, filename, sniff(stream, filename)
    if not filename.lower().endswith(ENDINGS):
        return blob, filename, _sniff_archive(blob)
    packed = _packed(blob, filename)
    try:
        return packed, f"{PurePosixPath(filename).stem}.zip", _sniff_archive(packed)
    except BaseException:
        storage.delete(packed.name)
        raise


def _sniff_archive(blob: storage.BlobWriter) -> Sniffed:
    with storage.open_blob(blob.name) as stream, open_archive(stream) as archive:
        return Sniffed("pictures", (), len(members_of(archive)))


def _packed(picture: storage.BlobWriter, filename: str) -> storage.BlobWriter:
    with storage.open_blob(picture.name) as source:
        data = source.read(MOST_MEMBER_BYTES + 1)
    with storage.write("uploads") as blob:
        # ZipFile wants to know where it is, which an encrypted file cannot go back from.
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(PurePosixPath(filename).name), data)
        blob.write(packed.getbuffer())
    storage.delete(picture.name)
    return blob


def _choose(slug: str, sniffed: Sniffed, mapping: Mapped | None) -> dict[str, str] | None:
    """Return the mapping to go on with, or None if a person has to confirm one."""
    schema = find_solution(slug).inputs()
    if mapping is None:
        return None
    if mapping == "auto":
        found = suggestions(schema, sniffed.columns)
        if not is_sure(schema, found):
            return None
        mapping = {key: suggestion.source for key, suggestion in found.items()}
    _refuse_bad_mapping(schema, sniffed, mapping)
    return {name: source for name, source in mapping.items() if source}


def _refuse_bad_mapping(schema: Any, sniffed: Sniffed, mapping: Mapping[str, str]) -> None:
    if issues := check_mapping(schema, sniffed.columns, mapping):
        raise DataError(issues)


def _dataset(
    dataset: Dataset | None, solution: str, name: str, team: Team, user: User | None
) -> Dataset:
    if dataset is None:
        return Dataset.objects.create(
            name=name[:120], solution=solution, team=team, created_by=user
        )
    # One at a time: two files sent at once get different numbers.
    locked: Dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
    return locked


def _add(  # noqa: PLR0913  the row as a whole
    blob: storage.BlobWriter,
    sniffed: Sniffed,
    *,
    user: User | None,
    team: Team,
    filename: str,
    dataset: Dataset,
    origin: Origin,
) -> DatasetVersion:
    newest = dataset.versions.aggregate(newest=Max("number"))["newest"] or 0
    version = DatasetVersion.objects.create(
        dataset=dataset,
        team=team,
        created_by=user,
        number=newest + 1,
        state=VersionState.MAPPING,
        filename=filename[-255:],
        format=sniffed.format,
        size_bytes=blob.size,
        sha256=blob.sha256,
        source_blob=blob.name,
        columns=[{"name": c.name, "dtype": c.dtype, "samples": []} for c in sniffed.columns],
        n_rows=sniffed.n_rows,
        origin=origin,
    )
    record(
        "dataset.received", actor=user, team=team, thing=version, sha256=blob.sha256,
        size_bytes=blob.size, format=sniffed.format, solution=dataset.solution,
        origin=str(origin),
    )  # fmt: skip
    return version


def preview(version: DatasetVersion) -> Sniffed:
    """Look into the file of a version again; values are never kept outside of it."""
    with storage.open_blob(version.source_blob) as stream:
        return sniff(stream, version.filename)


def confirm_mapping(version: DatasetVersion, mapping: Mapping[str, str], user: User | None) -> Job:
    """Say which column means what, and have the file checked and prepared.

    `mapping` is schema name -> column of the file; an empty one leaves a column out.

    Raises: DataError: if it does not fit. ConflictError: if the version is past that.
    """
    chosen = {name: source for name, source in mapping.items() if source}
    schema = find_solution(version.dataset.solution).inputs()
    # Outside of the transaction: nobody else's writing waits for the reading of a file.
    _refuse_bad_mapping(schema, preview(version), chosen)
    return _start_check(version, chosen, user)


@transaction.atomic
def _start_check(
    version: DatasetVersion, chosen: dict[str, str], user: User | None, *, is_new: bool = False
) -> Job:
    version = DatasetVersion.objects.select_for_update().get(pk=version.pk)
    if not (is_new or version.can_be_mapped):
        message = (
            f"Columns must be mapped before a version is checked. This one is {version.state}. "
            "Upload the file again as a new version."
        )
        raise ConflictError(message)
    job = enqueue(
        kind="ingest",
        title=f"Check {version.dataset.name} v{version.number}",
        team=version.team,
        user=user,
        params={"version": str(version.pk)},
        solution=version.dataset.solution,
    )
    DatasetVersion.objects.filter(pk=version.pk).update(
        mapping=chosen, state=VersionState.CHECKING, job=job, error="", issues=[], n_issues=0
    )
    record("dataset.mapped", actor=user, team=version.team, thing=version, mapping=chosen)
    return job


def load_frame(version: DatasetVersion, columns: Sequence[str] | None = None) -> Frame:
    """Return the checked table: the schema's names, and `row` from 1, in the order of the file.

    Raises: DataError: if the version is not ready.
    """
    if not version.is_ready:
        message = (
            f"A dataset version must be ready to be read. This one is {version.state}. "
            "Wait until it is checked, or correct it."
        )
        raise DataError(Issue("not_ready", message))
    with storage.open_blob(version.prepared_blob) as stream:
        return pl.DataFrame(pq.read_table(stream, columns=list(columns) if columns else None))


def load_chunks(version: DatasetVersion, columns: Sequence[str] | None = None) -> Iterator[Frame]:
    """Yield the checked table some rows at a time, without their numbers."""
    with storage.open_blob(version.prepared_blob) as stream:
        file = pq.ParquetFile(stream)
        known = [name for name in file.schema_arrow.names if name != ROW]
        names = known if columns is None else [name for name in known if name in columns]
        for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=names):
            yield pl.DataFrame(pa.Table.from_batches([batch]))


@contextmanager
def open_media(version: DatasetVersion) -> Iterator[Media]:
    """Open the files that the rows of a version speak of; none for a plain table."""
    if not version.has_pictures:
        yield NO_MEDIA
        return
    with storage.open_blob(version.source_blob) as stream, open_archive(stream) as archive:
        yield ZipMedia(archive)


def load_page(version: DatasetVersion, start: int, count: int) -> Frame:
    """Return some rows of the checked table, reading no more of it than needed."""
    with storage.open_blob(version.prepared_blob) as stream:
        file = pq.ParquetFile(stream)
        found, before = file.schema_arrow.empty_table(), 0
        for group in range(file.metadata.num_row_groups):
            n_rows = file.metadata.row_group(group).num_rows
            missing = count - found.num_rows
            at = start + found.num_rows - before
            if missing and 0 <= at < n_rows:
                found = pa.concat_tables([found, file.read_row_group(group).slice(at, missing)])
            before += n_rows
        return pl.DataFrame(found)


def load_rows(version: DatasetVersion, rows: Sequence[int]) -> Frame:
    """Return rows of the checked table by their numbers, in the order asked for."""
    if rows and list(rows) == list(range(rows[0], rows[0] + len(rows))):
        return load_page(version, rows[0] - 1, len(rows))
    frame = load_frame(version)
    return frame[[row - 1 for row in rows]]


@transaction.atomic
def delete(thing: Dataset | DatasetVersion, user: User) -> None:
    """Remove a dataset or a version with its files, for good.

    Files that a frozen version shares stay until the last one of them is gone.

    Raises: ConflictError: if a training or a result was made from it.
    """
    # Nobody freezes a version of it meanwhile, which would share the file.
    dataset = thing if isinstance(thing, Dataset) else thing.dataset
    Dataset.objects.select_for_update().filter(pk=dataset.pk).first()
    versions = [thing] if isinstance(thing, DatasetVersion) else list(thing.versions.all())
    sources = {version.source_blob for version in versions}
    others = [name for v in versions for name in (v.prepared_blob, v.issues_blob, v.aside_blob)
              if name]  # fmt: skip
    digests = [version.sha256 for version in versions]
    record("dataset.deleted", actor=user, team=thing.team, thing=thing, sha256=digests)
    try:
        thing.delete()
    except ProtectedError as error:
        message = (
            "A dataset must be unused to be deleted. A training or a result was made from this "
            "one, or a schedule trains on it. Keep it: it is the proof of what they were made from."
        )
        raise ConflictError(message) from error
    shared = DatasetVersion.objects.filter(source_blob__in=sources)
    sources -= set(shared.values_list("source_blob", flat=True))
    transaction.on_commit(partial(_delete_blobs, sources, others))


def _delete_blobs(sources: Iterable[str], others: Iterable[str]) -> None:
    for name in (*sources, *others):
        storage.delete(name)
    for name in sources:
        storage.delete_folder(folder_of(name))
