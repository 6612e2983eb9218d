"""What people have said of answers, as a dataset that models can learn from."""

from __future__ import annotations

import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import polars as pl
from django.db import transaction
from django.db.models import Max
from django.http import Http404

from apps.accounts.models import Team
from apps.accounts.policies import require
from apps.answers.models import Answer
from apps.answers.services import count_labels_since
from apps.catalog.services import solution as find_solution
from apps.datasets import services as datasets
from apps.datasets import storage
from apps.datasets.models import Dataset, DatasetVersion
from apps.jobs.models import Job
from apps.jobs.services import enqueue
from ml_core.data.labels.read import has_pictures
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from apps.accounts.models import User
    from ml_core.data.schema import Column, Schema
    from solutions.api import Solution

MOST_ROWS = 10_000
TABLE = "labels.csv"


def start_gathering(*, user: User, team: Team, solution: str, since: datetime | None = None) -> Job:
    """Make a dataset of a team's labels by a job; one that is open is not doubled.

    Raises: NotAllowedError: without the right. DataError: if there is no label.
    """
    require(user, "datasets.upload")
    found = find_solution(solution)
    _require_some(_answers(found, team, since))
    params = {"solution": solution, "since": since.isoformat() if since else None}
    with transaction.atomic():
        _lock(team)
        same = Job.objects.open().filter(team=team, kind="gather_labels", params=params)
        known: Job | None = same.first()
        return known or enqueue(
            kind="gather_labels", title=f"Make a dataset of labels for {found.title}", team=team,
            user=user, params=params,
        )  # fmt: skip


def _lock(team: Team) -> None:
    """Let one transaction at a time look and act for a team; rows that name it go on."""
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)


def gather(
    *,
    user: User | None,
    team: Team,
    solution: str,
    since: datetime | None = None,
    name: str = "labels",
) -> DatasetVersion:
    """Keep the rows that people have given a label, with their files, as a dataset version.

    It is a new version of the solution's dataset of labels, checked like any upload. `name` is
    that of its file. Castings that were failed without boxes come too, to be drawn on.

    Raises: DataError: if there is no label.
    """
    found = find_solution(solution)
    answers = _answers(found, team, since)[:MOST_ROWS]
    _require_some(answers)
    schema = found.inputs()
    has_files = has_pictures(schema)
    blob = _packed(schema, answers) if has_files else _written(schema, answers)
    with transaction.atomic():
        _lock(team)  # two at once make two versions of one dataset, not two datasets
        known = Dataset.objects.filter(team=team, solution=solution, name=_name(found)).first()
        return datasets.adopt(
            blob, user=user, team=team, solution=solution, name=_name(found), dataset=known,
            filename=f"{name}.{'zip' if has_files else 'csv'}",
            mapping=None if has_files else "auto",
        )  # fmt: skip


def count_ungathered(*, solution: str, team: Team) -> int:
    """Count the labels that people have given since the last dataset was made of them."""
    name = _name(find_solution(solution))
    held = DatasetVersion.objects.ready().filter(
        dataset__team=team, dataset__solution=solution, dataset__name=name
    )
    last = held.aggregate(at=Max("created_at"))["at"]
    return count_labels_since(solution=solution, team=team, since=last)


def _name(solution: Solution[Any]) -> str:
    return f"Labels from answers: {solution.title}"[:120]


def _answers(solution: Solution[Any], team: Team, since: datetime | None) -> Any:
    """Return the newest answers that were labelled; of pictures with boxes those to draw on too."""
    label = solution.inputs().role("label")
    if label is None:
        raise Http404
    found = Answer.objects.filter(team=team, solution=solution.slug)
    if label.kind != "boxes":
        found = found.labelled(since)
    else:
        found = found.exclude(correction="")
        found = found.filter(corrected_at__gt=since) if since else found
    return found.defer("report", "output").order_by("-corrected_at")


def _require_some(answers: Any) -> None:
    if not answers.exists():
        message = "Labels must be there to learn from. There is none. Correct or accept answers."
        raise DataError(Issue("no_label", message))


def _written(schema: Schema, answers: Sequence[Answer]) -> storage.BlobWriter:
    with storage.write("uploads") as blob:
        blob.write(_table(schema, [_row(schema, one) for one in answers]))
    return blob


def _packed(schema: Schema, answers: Sequence[Answer]) -> storage.BlobWriter:
    """Write an archive of the files and a table of the labels, without a plain byte on the disk."""
    with storage.write("uploads") as packed, zipfile.ZipFile(packed, "w") as archive:
        written: set[str] = set()
        rows = []
        for answer in answers:
            row = _row(schema, answer)
            for column, blob, name in _files(answer):
                row[column] = name
                if name not in written:
                    with storage.open_blob(blob) as stream:
                        archive.writestr(zipfile.ZipInfo(name), stream.read())
                    written.add(name)
            rows.append(row)
        archive.writestr(zipfile.ZipInfo(TABLE), _table(schema, rows))
    return packed


def _files(answer: Answer) -> Iterator[tuple[str, str, str]]:
    """Yield column, blob and the name in the archive: the same bytes are packed once."""
    for column, file in answer.files.items():
        ending = PurePosixPath(file["name"]).suffix.lower()
        yield column, file["blob"], f"{column}/{file['sha256'][:32]}{ending}"


def _row(schema: Schema, answer: Answer) -> dict[str, str | None]:
    label = schema.role("label")
    row = {name: _text(answer.inputs.get(name)) for name in schema.names}
    return row if label is None else row | {label.name: answer.label}


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def _table(schema: Schema, rows: Sequence[dict[str, str | None]]) -> bytes:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(schema.names, pl.String))
    kept = [column.name for column in schema.columns if _is_used(column, frame)]
    return frame.select(kept).write_csv().encode()


def _is_used(column: Column, frame: pl.DataFrame) -> bool:
    return column.required or column.role == "label" or frame[column.name].null_count() < len(frame)
