"""What asks, keeps answers, and takes corrections."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.policies import require
from apps.answers import client
from apps.answers.labels import label_of, subject_of
from apps.answers.models import Answer
from apps.answers.wire import Question
from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.experiments.services import require_same
from apps.inference.services import model_to_use
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from apps.accounts.models import Team, User
    from apps.registry.models import ModelVersion

FILE_KINDS = ("image", "audio")
MOST_CORRECTION, MOST_REASON = 200, 500


def ask(  # noqa: PLR0913  who, of what, with what, in which conversation
    *,
    user: User,
    team: Team,
    solution: str,
    row: Mapping[str, Any],
    files: Mapping[str, tuple[str, bytes]],
    settings: Mapping[str, Any] | None = None,
    model: ModelVersion | None = None,
    follows: Answer | None = None,
    thread: uuid.UUID | None = None,
    token: str = "",
    is_bulk: bool = False,
) -> Answer:
    """Ask a model about one row, and keep question and answer; the same token asks once.

    `files` is column -> (name, bytes). With `follows` the files of that answer are meant where
    none are sent, and the answer joins its thread, or `thread`. One of many asked in bulk lets
    others go first.

    Raises: NotAllowedError, Http404: without the right. DataError, ConfigError, ModelError: as
        the model says. BusyError: if it has no room now. ModelProcessError: if nobody answers.
    """
    require(user, "solutions.score")
    if known := _given_before(user, team, token, solution, row, files):
        return known
    chosen = model_to_use(user, team, solution, model)
    sent = _with_earlier(solution, files, follows)
    names = {column: name for column, (name, _) in sent.items()}
    values = {**row, **names}
    question = Question(str(chosen.pk), values, dict(sent.values()), settings or {}, is_bulk)
    said = client.ask(question)
    answer = Answer(
        team=team, created_by=user, solution=solution, model=chosen, inputs=dict(row),
        settings=dict(question.settings), output=dict(said.output), report=said.report,
        seconds=said.seconds, token=token or uuid.uuid4().hex,
        subject=subject_of(find_solution(solution).inputs(), row),
    )  # fmt: skip
    if thread := thread or (follows.thread if follows is not None else None):
        answer.thread = thread
    try:
        return _keep(answer, sent)
    except IntegrityError:
        # The same was asked twice at once, and the other one was first.
        if known := _given_before(user, team, token, solution, row, files):
            return known
        raise


def _given_before(
    user: User,
    team: Team,
    token: str,
    solution: str,
    row: Mapping[str, Any],
    files: Mapping[str, tuple[str, bytes]],
) -> Answer | None:
    found: Answer | None = Answer.objects.filter(team=team, token=token).first() if token else None
    if found is not None:
        require(user, "results.view", found)
        same_files = all(
            found.files.get(column, {}).get("sha256") == hashlib.sha256(data).hexdigest()
            for column, (_, data) in files.items()
        )
        same_row = found.solution == solution and found.inputs == dict(row)
        require_same(is_same=same_row and same_files)
    return found


def _with_earlier(
    solution: str, files: Mapping[str, tuple[str, bytes]], follows: Answer | None
) -> dict[str, tuple[str, bytes]]:
    kinds = {c.name: c.kind for c in find_solution(solution).inputs().columns}
    wrong = [name for name in files if kinds.get(name) not in FILE_KINDS]
    if wrong:
        message = f"A file must be sent for a column that takes one. Got {wrong[0]}. Rename it."
        raise DataError(Issue("not_a_file_column", message, column=wrong[0]))
    # Columns must not name one file twice by accident.
    sent = {column: (f"{column}/{name}", data) for column, (name, data) in files.items()}
    for column, kept in (follows.files if follows is not None else {}).items():
        if column not in sent:
            sent[column] = (kept["name"], _kept_before(column, kept))
    return sent


def _kept_before(column: str, kept: Mapping[str, str]) -> bytes:
    try:
        with storage.open_blob(kept["blob"]) as stream:
            return stream.read()
    except FileNotFoundError as error:
        message = "The files of the thread must be there. This one is gone. Choose it again."
        raise DataError(Issue("missing_file", message, column=column)) from error


def _keep(answer: Answer, sent: Mapping[str, tuple[str, bytes]]) -> Answer:
    """Keep the files, then the answer; nothing of either if one fails."""
    try:
        for column, (name, data) in sent.items():
            with storage.write("answers") as blob:
                blob.write(data)
            answer.files[column] = {"name": name, "blob": blob.name, "sha256": blob.sha256}
        return _save(answer)
    except BaseException:
        for file in answer.files.values():
            storage.delete(file["blob"])
        raise


@transaction.atomic
def _save(answer: Answer) -> Answer:
    answer.save(force_insert=True)
    record(
        "prediction.made",
        actor=answer.created_by,
        team=answer.team,
        thing=answer,
        model=str(answer.model_id),
        signature=answer.model.signature,
        label=answer.output.get("label"),
        score=answer.output.get("score"),
        files={column: file["sha256"] for column, file in answer.files.items()},
    )
    return answer


def correct(*, user: User, answer: Answer, correction: str, reason: str = "") -> Answer:
    """Keep what the answer should have been, or that it was right, and why.

    It counts as a new label where it is a value of the label's column. The last word counts.

    Raises: NotAllowedError, Http404: without the right. DataError: if nothing is said.
    """
    require(user, "answers.correct", answer)
    words, why = correction.strip(), reason.strip()
    _require_words(words, why)
    solution = find_solution(answer.solution)
    if words in solution.verdicts and words != answer.output.get("label") and not why:
        message = "An override must have a reason. Got none. Say why in a few words."
        raise DataError(Issue("no_reason", message))
    label = label_of(solution, answer.output, words)
    with transaction.atomic():
        kept: Answer = Answer.objects.select_for_update().get(pk=answer.pk)
        before = {"correction": kept.correction, "reason": kept.reason}
        answer.correction, answer.reason, answer.label = words, why, label
        answer.corrected_by, answer.corrected_at = user, timezone.now()
        answer.save(update_fields=["correction", "reason", "label", "corrected_by", "corrected_at"])
        record(
            "answer.corrected", actor=user, team=answer.team, thing=answer, before=before,
            after={"correction": words, "reason": why}, is_label=label is not None,
        )  # fmt: skip
    return answer


def _require_words(words: str, why: str) -> None:
    if not words or len(words) > MOST_CORRECTION:
        message = (
            f"A correction must be 1 to {MOST_CORRECTION} characters. Got {len(words)}. "
            "Say what the answer should be."
        )
        raise DataError(Issue("bad_correction", message))
    if len(why) > MOST_REASON:
        message = (
            f"A reason must be at most {MOST_REASON} characters. Got {len(why):,}. Shorten it."
        )
        raise DataError(Issue("bad_reason", message))


def count_labels_since(*, solution: str, team: Team, since: datetime | None) -> int:
    """Count the answers of a team that people have given a label after a moment.

    Without `since` all are counted.
    """
    found = Answer.objects.filter(team=team, solution=solution).labelled(since)
    return int(found.count())
