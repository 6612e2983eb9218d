"""What a recipe does: find the data, train, compare with the live model, and say how it ended."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.http import Http404
from django.utils import timezone

from apps.accounts.models import Team, User
from apps.accounts.policies import require
from apps.accounts.services import current_team
from apps.catalog.services import registry
from apps.catalog.services import solution as find_solution
from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.services import receive
from apps.experiments.jobs import rehearsed
from apps.experiments.models import TrainingRun
from apps.experiments.services import checked_options, require_ready, start_training
from apps.experiments.window import read_window
from apps.jobs.models import State
from apps.jobs.waiting import see_through
from apps.registry.bundles import load
from apps.registry.models import ModelVersion
from apps.registry.services import live as live_model
from apps.schedules.comparing import compare
from apps.schedules.services import metric_of
from ml_core.errors import CancelledError, ConfigError, DataError, Issue, JobError, NotAllowedError
from solutions.gate import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from apps.jobs.models import Job
    from apps.schedules.recipe import GateRule, Recipe
    from ml_core.tracking.run import Run
    from solutions.api import Predictor
    from solutions.gate import Verdict

_BLOCK = 1 << 20
NO_LIVE = "There is no live model to compare with"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a recipe ended, with all that made it so."""

    passed: bool
    reason: str
    recipe: Recipe
    training: TrainingRun
    rule: Rule
    model: ModelVersion | None
    live: ModelVersion | None
    verdict: Verdict | None
    started_at: datetime
    finished_at: datetime


def carry_out(recipe: Recipe, run: Run, *, here: bool = False) -> Outcome:
    """Train and compare as a recipe says; `here` leaves no work to a worker.

    Raises: ConfigError: naming a key that cannot be, before any work is done. DataError: if the
        data cannot be used. JobError: if the training failed. CancelledError: if it was cancelled.
    """
    started_at = timezone.now()
    user = _user(recipe.user)
    team = _team(recipe.team, user)
    rule = _checked(recipe, user)
    version = _version(recipe, user, team, run, here=here)
    require(user, "datasets.view", version)
    before = live_model(recipe.solution, team)
    training = TrainingRun(
        team=team, created_by=user, solution=recipe.solution, dataset_version=version,
        options=checked_options(recipe.solution, recipe.options), seed=recipe.seed,
        window=read_window(recipe.window, find_solution(recipe.solution).inputs()),
        budget_s=60.0 * recipe.budget_min, code_version=settings.ASSAY_VERSION,
        data_sha256=version.sha256,
    )  # fmt: skip
    if recipe.keeps_model:
        training, verdict = _as_job(training, rule, before, run, here=here)
    else:
        verdict = _as_rehearsal(training, rule, before, run)
    passed, reason = _conclusion(recipe.gate, verdict)
    return Outcome(
        passed, reason, recipe, training, rule, getattr(training, "model", None), before, verdict,
        started_at, timezone.now(),
    )  # fmt: skip


def _checked(recipe: Recipe, user: User) -> Rule:
    """Refuse what cannot be before anything is done, and return the rule of the gate."""
    _keyed("solution", registry().__getitem__, recipe.solution)
    solution = find_solution(recipe.solution)
    _keyed("user", require, user, "solutions.train")
    _keyed("options", checked_options, recipe.solution, recipe.options)
    _keyed("window", read_window, recipe.window, solution.inputs())
    gate = recipe.gate
    if gate.metric:
        _keyed("gate.metric", metric_of, solution, gate.metric)
    metric = metric_of(solution, gate.metric or solution.metrics[0].name)
    return Rule(metric, gate.least_gain, gate.must_be_sure, gate.most_loss)


def _keyed(key: str, check: Any, *arguments: Any) -> None:
    """Say by which key of the recipe a check has failed."""
    try:
        check(*arguments)
    except (ConfigError, NotAllowedError) as error:
        raise ConfigError(f"Key {key}: {error}") from error


def _user(address: str) -> User:
    found: User | None = User.objects.filter(email__iexact=address, is_active=True).first()
    if found is None:
        message = "Key user must be the address of an active person. Got another. Correct it."
        raise ConfigError(message)
    return found


def _team(slug: str, user: User) -> Team:
    if not slug:
        try:
            return current_team(user)
        except NotAllowedError as error:
            raise ConfigError(f"Key user: {error}") from error
    found: Team | None = Team.objects.filter(slug=slug).first()
    if found is None or not user.memberships.filter(team=found).exists():
        message = f"Key team must be the slug of a team of that person. Got {slug!r}. Correct it."
        raise ConfigError(message)
    return found


def _version(recipe: Recipe, user: User, team: Team, run: Run, *, here: bool) -> DatasetVersion:
    if recipe.data.file is not None:
        return _taken_in(recipe, Path(recipe.data.file), user, team, run, here=here)
    dataset = _dataset(recipe.data.dataset or "", recipe.solution, team)
    if dataset is None:
        message = (
            f"Key data.dataset must be a dataset of {recipe.solution} in team {team.slug}, by name "
            f"or id. Got {recipe.data.dataset!r}. Correct it."
        )
        raise ConfigError(message)
    versions = DatasetVersion.objects.filter(dataset=dataset).select_related("dataset", "team")
    wanted = recipe.data.version
    found = (versions.filter(number=wanted) if wanted else versions.ready()).order_by("-number")
    version: DatasetVersion | None = found.first()
    if version is None:
        message = (
            f"Key data.version must be a version of {dataset}. Got {wanted}. Correct it."
            if wanted
            else f"Key data.dataset must have a version that is ready. {dataset} has none. "
            "Finish the mapping and checks of one."
        )
        raise ConfigError(message)
    require_ready(version, recipe.solution)
    return version


def _dataset(named: str, solution: str, team: Team) -> Dataset | None:
    rows = Dataset.objects.filter(team=team, solution=solution)
    found: Dataset | None
    try:
        found = rows.filter(pk=UUID(named)).first()
    except ValueError:
        found = rows.filter(name=named).order_by("-created_at").first()
    return found


def _taken_in(
    recipe: Recipe, path: Path, user: User, team: Team, run: Run, *, here: bool
) -> DatasetVersion:
    """Take in a file as the next version, unless the same bytes are there and ready."""
    if not path.is_file():
        message = f"Key data.file must be a file that is there. Got {path}. Check the path."
        raise ConfigError(message)
    _keyed("user", require, user, "datasets.upload")
    name = recipe.data.name or path.stem
    dataset = _dataset(name, recipe.solution, team)
    if dataset is not None:
        same = dataset.versions.filter(sha256=_sha256(path), state="ready").order_by("-number")
        known: DatasetVersion | None = same.select_related("dataset", "team").first()
        if known is not None:
            run.log(f"The same file is version {known.number} of {dataset}.")
            return known
    run.log(f"Taking in {path.name}")
    with path.open("rb") as stream:
        version = receive(
            user=user, team=team, solution=recipe.solution, name=name, filename=path.name,
            stream=stream, dataset=dataset, mapping="auto",
        )  # fmt: skip
    if version.job is not None:
        see_through(version.job, user, here=here)
        version.refresh_from_db()
        require_ended(version.job)
    require_ready(version, recipe.solution)
    return version


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _as_job(
    draft: TrainingRun, rule: Rule, before: ModelVersion | None, run: Run, *, here: bool
) -> tuple[TrainingRun, Verdict | None]:
    """Train as everybody does: with a job, a page, and a candidate at the end."""
    user = draft.created_by
    assert user is not None  # noqa: S101  it was given above
    try:
        training = start_training(
            user=user, solution=draft.solution, version=draft.dataset_version,
            options=draft.options, seed=draft.seed, window=draft.window, budget_s=draft.budget_s,
        )  # fmt: skip
    except (NotAllowedError, Http404) as error:
        raise ConfigError(
            f"Key user must be a person who may train on this data. {error}"
        ) from error
    assert training.job is not None  # noqa: S101  it was just made
    run.stage("Training")
    run.log(f"It can be watched at {training.get_absolute_url()}")
    with telling_what_stays(training):
        require_ended(see_through(training.job, user, here=here))
        training = TrainingRun.objects.select_related("dataset_version__dataset", "model").get(
            pk=training.pk
        )
        if before is None:
            return training, None
        run.stage("Measuring beside the live model")
        return training, compare(rule, training, load(training.model), before, run)


def _as_rehearsal(
    training: TrainingRun, rule: Rule, before: ModelVersion | None, run: Run
) -> Verdict | None:
    """Train in this process's own child, measure, and leave nothing behind."""
    with rehearsed(training, run) as found:
        training.metrics, training.how_split = found["metrics"], found["how"]
        if before is None:
            return None
        predictor: Predictor = find_solution(training.solution).load(Path(found["bundle"]))
        run.stage("Measuring beside the live model")
        return compare(rule, training, predictor, before, run)


def require_ended(job: Job) -> None:
    """Stop unless a job has ended well.

    Raises: CancelledError, DataError, JobError: as it ended, with its reason.
    """
    if job.state == State.CANCELLED:
        raise CancelledError(f"{job.title} was cancelled. Nothing was kept. Start it again.")
    if job.state == State.REJECTED:
        raise DataError(Issue("rejected", f"{job.title} was rejected. {job.error}"))
    if job.state != State.SUCCEEDED:
        raise JobError(f"{job.title} has {job.state}. {job.error}", permanent=True)


@contextmanager
def telling_what_stays(training: TrainingRun) -> Iterator[None]:
    """Say what stays of a training when somebody stops what comes before its report.

    Raises: CancelledError: instead of the interruption.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise CancelledError(f"Stopped. {what_stays(training)}") from error


def what_stays(training: TrainingRun) -> str:
    """Say what is left of a training that has no report: perhaps its model."""
    # Asked of the database: the training may have ended while somebody stopped the waiting.
    model = ModelVersion.objects.filter(run_id=training.pk).first()
    if model is None:
        return "No model and no report were kept."
    return f"No report was written. {model} stays a candidate: {model.get_absolute_url()}"


def _conclusion(gate: GateRule, verdict: Verdict | None) -> tuple[bool, str]:
    if verdict is None:
        passed = gate.without_live == "pass"
        hint = (
            "The gate passes as gate.without_live says."
            if passed
            else "Make a first one live, or write gate.without_live: pass."
        )
        return passed, f"{NO_LIVE}. {hint}"
    return verdict.passed, f"{verdict.words} {verdict.note}".strip()
