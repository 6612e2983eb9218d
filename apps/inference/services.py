"""What starts and ends scoring and explaining."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from apps.accounts.policies import require
from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets.models import DatasetVersion
from apps.experiments.services import read_options, require_ready, require_same
from apps.inference.models import Prediction
from apps.jobs.models import Job, State
from apps.jobs.services import enqueue
from apps.registry.models import ModelVersion
from ml_core.errors import DataError, Issue, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apps.accounts.models import Team, User

History = DatasetVersion | Literal["model"] | None


def start_scoring(
    *,
    user: User,
    version: DatasetVersion,
    model: ModelVersion | None = None,
    history: History = "model",
    settings: Mapping[str, Any] | None = None,
    token: str = "",
) -> Prediction:
    """Make a prediction and put it into the queue; the same token gives the same one.

    Without `model` the live one is taken, else the newest candidate. `history` are earlier rows
    to look back on: those the model learned from, another version, or none.

    Raises: NotAllowedError, Http404: without the right. DataError: if the data cannot be used.
        ModelError: if there is no model, or it is of another solution.
    """
    require(user, "solutions.score")
    require(user, "datasets.view", version)
    slug = version.dataset.solution
    require_ready(version, slug)
    chosen = model_to_use(user, version.team, slug, model)
    past = _history(version, chosen, history)
    if past is not None:
        require(user, "datasets.view", past)
        require_ready(past, slug)
    said = checked_settings(slug, settings or {})
    with transaction.atomic():
        prediction, is_new = Prediction.objects.get_or_create(
            team=version.team,
            token=token or uuid4().hex,
            defaults={
                "created_by": user,
                "solution": slug,
                "dataset_version": version,
                "model": chosen,
                "history_version": past,
                "settings": said,
            },
        )
        if is_new:
            begin(prediction, user)
    is_same_model = model is None or model.pk == prediction.model_id
    require_same(is_same=prediction.dataset_version_id == version.pk and is_same_model)
    return prediction


def checked_settings(slug: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings with their defaults. Raises: ConfigError: naming what cannot be."""
    return read_options(find_solution(slug).settings, settings)


def default_model(slug: str, team: Team) -> ModelVersion:
    """Return the model to score with when nobody names one: live, else the newest candidate.

    Raises: ModelError: if there is none.
    """
    found: ModelVersion | None = (
        ModelVersion.objects.filter(solution=slug, team=team).usable().first()
    )
    if found is None:
        message = (
            f"A model of {slug} must be there to score with. Your team has none. Train one first."
        )
        raise ModelError(message)
    return found


def model_to_use(user: User, team: Team, slug: str, named: ModelVersion | None) -> ModelVersion:
    """Return the named model, or the usual one if none is named.

    Who names one must be allowed to see it; the usual one is taken for whoever may score.

    Raises: NotAllowedError, Http404: without the right. ModelError: if there is none, or it is of
        another team or solution.
    """
    if named is None:
        usual = default_model(slug, team)
        require(user, "solutions.score", usual)
        return usual
    require(user, "models.view", named)
    if named.team_id != team.pk or named.solution != slug:
        message = (
            f"A model must be of the same team and of {slug}. {named} is of another. "
            "Choose another model."
        )
        raise ModelError(message)
    return named


def _history(
    version: DatasetVersion, model: ModelVersion, history: History
) -> DatasetVersion | None:
    past = history
    if past == "model":
        run = model.learned_in
        past = run.dataset_version if run is not None else None
    if past is None or isinstance(past, str) or past.pk == version.pk:
        return None
    if past.team_id != version.team_id:
        message = (
            "The history must be of the same team as the data. It is of another. Choose another."
        )
        raise DataError(Issue("other-team", message))
    return past


def begin(prediction: Prediction, user: User, kind: str = "score") -> None:
    """Put a prediction into the queue, within the transaction that has made it."""
    version, model = prediction.dataset_version, prediction.model
    found = find_solution(prediction.solution)
    prediction.job = enqueue(
        kind=kind,
        title=f"Score {version.dataset.name} v{version.number} with {found.title} "
        f"model {model.number}",
        team=prediction.team,
        user=user,
        params={"prediction": str(prediction.pk)},
        queue=found.queue,
        solution=prediction.solution,
    )
    prediction.save(update_fields=["job"])
    record(
        "scoring.started",
        actor=user,
        team=prediction.team,
        thing=prediction,
        dataset_version=str(version.pk),
        data_sha256=version.sha256,
        model=str(model.pk),
        signature=model.signature,
    )


@transaction.atomic
def start_explaining(*, user: User, prediction: Prediction, row: int) -> Job:
    """Ask why one row got its score; an open job for the same row is not doubled.

    Raises: NotAllowedError, Http404: without the right. DataError: if there is no such row.
    """
    require(user, "solutions.score", prediction)
    if not prediction.is_ready:
        message = f"A result must be ready to be explained. This one is {prediction.state}. Wait."
        raise DataError(Issue("not-ready", message))
    params = {"prediction": str(prediction.pk), "row": row}
    same = Job.objects.open().filter(
        team=prediction.team, kind="explain", params__prediction=params["prediction"]
    )
    known: Job | None = same.filter(params__row=row).first()
    return known or enqueue(
        kind="explain",
        title=f"Explain row {row:,} of {prediction.dataset_version.dataset.name}",
        team=prediction.team,
        user=user,
        params=params,
        queue=find_solution(prediction.solution).queue,
        solution=prediction.solution,
    )


def end(job: Job) -> None:
    """Give a prediction the state in which its job ended, unless its result stands already.

    A worker may die after the result was kept and before its job was ended.
    """
    Prediction.objects.filter(job=job).exclude(state=State.SUCCEEDED).update(
        state=job.state, finished_at=timezone.now()
    )
