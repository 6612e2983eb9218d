"""Every question about every picture of a folder: made into a dataset, and scored as one."""

from __future__ import annotations

import io
import zipfile
from itertools import islice, product
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl
from django.db import transaction
from django.http import Http404

from apps.accounts.policies import require
from apps.catalog.services import solution as find_solution
from apps.datasets import services as datasets
from apps.datasets import storage
from apps.experiments.services import require_same
from apps.inference.models import Prediction
from apps.inference.services import begin, checked_settings, model_to_use
from ml_core.data.archive import MOST_MEMBER_BYTES, members_of, open_archive
from ml_core.data.mapping import suggest
from ml_core.data.media import ZipMedia
from ml_core.data.pictures import ENDINGS
from ml_core.data.read import sniff
from ml_core.data.schema import Schema
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from apps.accounts.models import Team, User
    from apps.registry.models import ModelVersion
    from ml_core.data.schema import Column
    from ml_core.typing import Frame

MOST_QUESTIONS = 500
MOST_ROWS = 100_000
LONGEST = 20_000
MOST_CSV_BYTES = 4 * 2**20
MOST_TABLE_BYTES = 64 * 2**20
PIECE_BYTES = 2**20
TABLE = "questions.csv"


def asked_columns(schema: Schema) -> tuple[Column, Column]:
    """Return the columns of the picture and of the question. Raises: Http404: without both."""
    image = next((c for c in schema.columns if c.kind == "image"), None)
    text = next((c for c in schema.columns if c.kind == "text" and c.role != "label"), None)
    if image is None or text is None:
        raise Http404
    return image, text


def has_questions(schema: Schema) -> bool:
    """Tell whether rows of this schema are questions about pictures."""
    kinds = {column.kind for column in schema.columns if column.role != "label"}
    return {"image", "text"} <= kinds


def questions_in(text: str) -> list[str]:
    """Return the questions of a text, one a line, each once.

    Raises: DataError: if there is none, or too many.
    """
    return _checked([line.strip() for line in text.splitlines()])


def questions_of(data: bytes, filename: str, column: Column) -> list[str]:
    """Return the questions of a CSV: of the column that is called so, else of the first."""
    if len(data) > MOST_CSV_BYTES:
        most = f"be at most {MOST_CSV_BYTES // 2**20} MiB"
        raise _refusal("A file of questions", most, "more", "Shorten it.")
    found = sniff(io.BytesIO(data), filename)
    known = suggest(Schema((column,)), found.columns).get(column.name)
    separator = "\t" if filename.lower().endswith(".tsv") else ","
    frame = pl.read_csv(data, infer_schema=False, separator=separator)
    cells = frame[known] if known in frame.columns else frame.to_series(0)
    return _checked([(cell or "").strip() for cell in cells])


def _checked(lines: Sequence[str]) -> list[str]:
    questions = list(dict.fromkeys(line for line in lines if line))
    if not 1 <= len(questions) <= MOST_QUESTIONS:
        rule = f"be 1 to {MOST_QUESTIONS}"
        raise _refusal("Questions", rule, f"{len(questions):,}", "Write one on each line.")
    longest = max(map(len, questions))
    if longest > LONGEST:
        rule = f"be at most {LONGEST:,} characters"
        raise _refusal("A question", rule, f"{longest:,}", "Shorten it.")
    return questions


def start_table(  # noqa: PLR0913  who, of what, which pictures and questions, with what
    *,
    user: User,
    team: Team,
    solution: str,
    blob: storage.BlobWriter,
    filename: str,
    questions: Sequence[str],
    name: str = "",
    model: ModelVersion | None = None,
    settings: Mapping[str, Any] | None = None,
    token: str = "",
) -> Prediction:
    """Have every question answered for every picture by a job; the same token gives the same one.

    `blob` is the stored upload: a ZIP of pictures, or one picture. It is read, and stays the
    caller's to remove.

    Raises: NotAllowedError, Http404: without the right. DataError: if there is no picture, or too
        much to ask. ModelError, ConfigError: as for a scoring.
    """
    require(user, "solutions.score")
    require(user, "datasets.upload")
    if known := _given_before(user, team, token, solution):
        return known
    chosen = model_to_use(user, team, solution, model)
    said = checked_settings(solution, settings or {})
    packed = _packed(blob, filename, questions, find_solution(solution).inputs())
    stem = PurePosixPath(filename).stem or "pictures"
    try:
        with transaction.atomic():
            version = datasets.adopt(
                packed, user=user, team=team, solution=solution, filename=f"{stem}-questions.zip",
                name=name or f"{len(questions):,} questions about {stem}",
            )  # fmt: skip
            prediction = Prediction.objects.create(
                team=team, token=token or uuid4().hex, created_by=user, solution=solution,
                dataset_version=version, model=chosen, settings=said,
            )  # fmt: skip
            begin(prediction, user, kind="ask_table")
    except BaseException:
        storage.delete(packed.name)
        raise
    return prediction


def _given_before(user: User, team: Team, token: str, solution: str) -> Prediction | None:
    found: Prediction | None = (
        Prediction.objects.filter(team=team, token=token).first() if token else None
    )
    if found is not None:
        require(user, "results.view", found)
        require_same(is_same=found.solution == solution)
    return found


def _packed(
    blob: storage.BlobWriter, filename: str, questions: Sequence[str], schema: Schema
) -> storage.BlobWriter:
    """Write an archive of the pictures and a table of what is asked of each."""
    image, text = asked_columns(schema)
    # An encrypted file cannot go back; the archive is written from front to end.
    with (
        storage.open_blob(blob.name) as stream,
        storage.write("uploads") as packed,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive,
    ):
        names = []
        for name, data in _pictures(stream, filename, questions):
            archive.writestr(zipfile.ZipInfo(name), data)
            names.append(name)
        with archive.open(zipfile.ZipInfo(TABLE), "w") as table:
            for piece in _table(names, questions, [image.name, text.name]):
                table.write(piece)
    return packed


def _table(
    names: Sequence[str], questions: Sequence[str], header: Sequence[str]
) -> Iterator[bytes]:
    """Yield a CSV in pieces: whole, the table of a large archive would fill the memory."""
    longest = max(map(_size, names)) + max(map(_size, questions))
    at_once = max(1, PIECE_BYTES // longest)
    rows = product(names, questions)
    is_first = True
    while piece := list(islice(rows, at_once)):
        frame = pl.DataFrame(piece, schema=list(header), orient="row")
        yield frame.write_csv(include_header=is_first).encode()
        is_first = False


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _require_bounded(names: Sequence[str], questions: Sequence[str]) -> None:
    """Refuse too much to ask, before any of it is written."""
    n_names, n_questions = len(names), len(questions)
    if n_names * n_questions > MOST_ROWS:
        got = f"{n_names:,} x {n_questions:,}"
        rule = f"be at most {MOST_ROWS:,} answers"
        raise _refusal("Pictures x questions", rule, got, "Ask less, or split the pictures.")
    # Each question is written beside each picture, and each name beside each question.
    size = n_names * sum(map(_size, questions)) + n_questions * sum(map(_size, names))
    if size > MOST_TABLE_BYTES:
        rule = f"be at most {MOST_TABLE_BYTES // 2**20} MiB as a table"
        advice = "Shorten the questions or the names of the pictures, or split the pictures."
        raise _refusal("Pictures x questions", rule, f"{size / 2**20:,.0f} MiB", advice)


def _pictures(stream: Any, filename: str, questions: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    if filename.lower().endswith(ENDINGS):
        name = PurePosixPath(filename).name
        _require_bounded([name], questions)
        yield name, stream.read(MOST_MEMBER_BYTES + 1)
        return
    with open_archive(stream) as archive:
        pictures = (name for name in members_of(archive) if name.lower().endswith(ENDINGS))
        names = list(dict.fromkeys(pictures))
        if not names:
            raise _refusal("An archive", "hold pictures", "none", "Choose another.")
        _require_bounded(names, questions)
        media = ZipMedia(archive)
        for name in names:
            yield name, media.read(name)


def _refusal(what: str, rule: str, got: str, advice: str) -> DataError:
    return DataError(Issue("bad_table", f"{what} must {rule}. Got {got}. {advice}"))


def pivoted(frame: Frame, image: str, text: str) -> Frame:
    """Return a row for each picture and a column for each question, in the order of the file."""
    ordered = frame.sort("row")
    wide = ordered.pivot(
        on=text, index=image, values="label", aggregate_function="first", maintain_order=True
    )
    return wide.rename({name: f"{name} (question)" for name in wide.columns[1:] if name == image})
