"""A challenger beside the live model, on the rows that its training has set aside."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from apps.catalog.services import solution as find_solution
from apps.datasets.services import open_media
from apps.experiments import jobs as trainings
from apps.registry.bundles import load
from apps.schedules.gate import by_bytes, held_out
from ml_core.errors import AssayError
from ml_core.tracking.run import stop_if_cancelled
from solutions.api import TableBatch
from solutions.gate import judge, measured

if TYPE_CHECKING:
    import polars as pl

    from apps.experiments.models import TrainingRun
    from apps.registry.models import ModelVersion
    from ml_core.tracking.run import Run
    from ml_core.typing import Frame
    from solutions.api import Predictor, Solution, Split
    from solutions.gate import Rule, Verdict


def compare(
    rule: Rule, training: TrainingRun, challenger: Predictor, before: ModelVersion, run: Run
) -> Verdict:
    """Measure both models on the rows that the challenger's training has set aside, and judge.

    The solution cuts them as it did for the training: what belongs together stays together, and
    where there is time they are the newest. `training` need not be kept.
    """
    solution = find_solution(training.solution)
    with ExitStack() as files:
        batch = split_of(training, solution, files).test
        test = held_out(batch, _learned(before, solution, run), solution.inputs())
        ours = measured(solution, challenger, test, run)
        stop_if_cancelled(run)
        theirs = measured(solution, load(before), test, run)
    return judge(rule, ours, theirs, test)


def split_of(training: TrainingRun, solution: Solution[Any], files: ExitStack) -> Split:
    """Cut the data of a training once more, which comes out the same by its seed."""
    media = files.enter_context(open_media(training.dataset_version))
    batch = TableBatch(trainings.frame_of(training), media=media)
    return solution.split(batch, solution.options(**training.options), training.seed)


def _learned(model: ModelVersion, solution: Solution[Any], run: Run) -> Frame | None:
    """Return the rows that a model was made from, pictures by their bytes.

    None if they cannot be found out.
    """
    training = model.learned_in
    if training is None:
        return None
    try:
        with ExitStack() as files:
            cut = split_of(training, solution, files)
            rows = _together(cut.train.targets, cut.valid.targets)
            return by_bytes(rows, cut.train.media, solution.inputs())
    except (AssayError, ValueError) as error:
        run.log(f"The data of the live model could not be read again: {error}")
        return None


def _together(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    return first.vstack(second) if first.schema == second.schema else first
