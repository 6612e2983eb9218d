"""The jobs of scoring: read, score, explain, write; and one explanation asked for later."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

import polars as pl
import structlog
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.inference import services
from apps.inference.batches import input_columns, open_rows
from apps.inference.checking import wait_until_checked
from apps.inference.models import Explanation, Prediction
from apps.inference.results import ROW_GROUP
from apps.jobs.models import State
from apps.jobs.progress import LostLeaseError
from apps.jobs.registry import handler
from apps.registry.services import load
from ml_core.errors import DataError, Issue
from ml_core.plain import plain
from ml_core.tracking.run import stop_if_cancelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from apps.inference.batches import Rows
    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun
    from ml_core.typing import Frame
    from solutions.api import Options, Predictions, Predictor, Solution
    from solutions.blocks import Report

MOST_EXPLAINED = 500
_log = structlog.get_logger("assay.inference")


@handler("score", on_end=services.end)
def score(job: Job, run: JobRun) -> str:
    """Score a dataset version; what an attempt that died has written is replaced."""
    prediction = _prediction(job)
    if prediction.is_ready:
        return prediction.get_absolute_url()
    started = time.monotonic()
    Prediction.objects.filter(pk=prediction.pk).update(state=State.RUNNING)
    solution = find_solution(prediction.solution)
    chosen = solution.settings(**prediction.settings)
    with _read(prediction, run) as (rows, predictor):
        predictions = _scored(predictor, rows, chosen, run)
        ranked = rank(rows, predictions)
        explanations = _explained(solution, predictor, rows, ranked, chosen, run)
        stop_if_cancelled(run)
        run.stage("Writing")
        fields = _said(prediction, solution, rows, predictions) | _written(prediction, ranked)
    try:
        _keep(prediction, fields | {"seconds": time.monotonic() - started}, explanations, run)
    except BaseException:
        storage.delete(fields["result_blob"])
        raise
    return prediction.get_absolute_url()


@handler("ask_table", on_end=services.end)
def ask_table(job: Job, run: JobRun) -> str:
    """Have a table of questions checked as any upload, then scored."""
    wait_until_checked(_prediction(job).dataset_version, run)
    return score(job, run)


@handler("explain")
def explain(job: Job, run: JobRun) -> str:
    """Explain one row of a result that has been scored."""
    prediction = _prediction(job)
    row = int(job.params["row"])
    url = reverse("inference:row", args=[prediction.pk, row])
    if Explanation.objects.filter(prediction=prediction, row=row).exists():
        return url
    solution = find_solution(prediction.solution)
    with _read(prediction, run) as (rows, predictor):
        place = rows.numbers.index_of(row)
        if place is None:
            message = f"The row must be one of the result. Got {row}. Open one from the table."
            raise DataError(Issue("no-such-row", message))
        run.stage("Explaining")
        chosen = solution.settings(**prediction.settings)
        reports = solution.explain(predictor, [place], rows.batch, run, chosen)
    report = plain(reports[place].to_json()) if place in reports else []
    Explanation.objects.update_or_create(
        prediction=prediction, row=row, defaults={"report": report, "at": timezone.now()}
    )
    return url


def rank(rows: Rows, predictions: Predictions) -> Frame:
    """Return the result: inputs and predictions, best score first, ties in file order.

    Raises: DataError: if the solution has lost or doubled a row.
    """
    scored = predictions.frame
    if scored.height != len(rows.batch):
        message = (
            f"A result must have one row for each input. Got {scored.height:,} for "
            f"{len(rows.batch):,}. This is a fault of the solution; tell who made it."
        )
        raise DataError(Issue("row-count", message))
    inputs = rows.batch.targets
    own = [name for name in scored.columns if name not in inputs.columns]
    core = ["score", "label", "confidence", "alert"]
    extras = [name for name in own if name not in core]
    frame = inputs.with_columns(rows.numbers.alias("row")).hstack(scored.select(own))
    if "alert" not in own:
        frame = frame.with_columns(alert=pl.lit(value=False))
    frame = frame.sort(["score", "row"], descending=[True, False], nulls_last=True)
    frame = frame.with_row_index("rank", offset=1)
    return frame.select("rank", "row", *inputs.columns, *core, *extras)


@contextmanager
def _read(prediction: Prediction, run: JobRun) -> Iterator[tuple[Rows, Predictor]]:
    run.stage("Reading")
    with open_rows(prediction) as rows:
        n_rows, n_earlier = len(rows.batch), rows.batch.start
        run.log(f"{n_rows:,} rows to score, {n_earlier:,} earlier ones to look back on")
        stop_if_cancelled(run)
        yield rows, load(prediction.model)


def _scored(predictor: Predictor, rows: Rows, chosen: Options, run: JobRun) -> Predictions:
    run.stage("Scoring")
    run.progress(0, len(rows.batch), "rows")
    return predictor.predict(rows.batch, run, chosen)


def _explained(
    solution: Solution[Any],
    predictor: Predictor,
    rows: Rows,
    ranked: Frame,
    chosen: Options,
    run: JobRun,
) -> Mapping[int, Report]:
    """Explain the first alerts; the keys are row numbers of the file."""
    stop_if_cancelled(run)
    run.stage("Explaining")
    first = ranked.filter(pl.col("alert")).head(MOST_EXPLAINED)["row"]
    places = rows.places_of(first)
    reports = solution.explain(predictor, places, rows.batch, run, chosen) if places else {}
    return {int(rows.numbers[place]): report for place, report in reports.items()}


def _said(
    prediction: Prediction, solution: Solution[Any], rows: Rows, predictions: Predictions
) -> dict[str, Any]:
    return {
        "report": plain(solution.report(predictions, rows.batch).to_json()),
        "facts": plain(dict(predictions.facts)),
        "metrics": _measured(prediction, solution, rows, predictions),
        "columns": input_columns(prediction.solution),
        "n_history": rows.batch.start,
    }


def _written(prediction: Prediction, ranked: Frame) -> dict[str, Any]:
    with storage.write(f"predictions/{prediction.pk}") as writer:
        ranked.write_parquet(
            cast("IO[bytes]", writer),
            compression="zstd",
            compression_level=1,
            row_group_size=ROW_GROUP,
        )
    return {
        "result_blob": writer.name,
        "result_bytes": writer.size,
        "n_rows": ranked.height,
        "n_alerts": int(ranked["alert"].sum() or 0),
    }


def _measured(
    prediction: Prediction, solution: Solution[Any], rows: Rows, predictions: Predictions
) -> dict[str, Any]:
    """Measure against labels, if there are any that the model has not learned from."""
    label = solution.inputs().role("label")
    if (
        label is None
        or prediction.was_learned_from
        or rows.batch.targets[label.name].null_count() == len(rows.batch)
    ):
        return {}
    try:
        return dict(plain(solution.evaluate(predictions, rows.batch)))
    except DataError as error:
        _log.info("not measured", prediction=str(prediction.pk), reason=str(error))
        return {}


@transaction.atomic
def _keep(
    prediction: Prediction,
    fields: Mapping[str, Any],
    explanations: Mapping[int, Report],
    run: JobRun,
) -> None:
    """Show the result, all at once, unless another worker has taken the job over."""
    if not run.renew():
        raise LostLeaseError("Another worker has taken this scoring over. It writes, not this one.")
    Explanation.objects.filter(prediction=prediction).delete()
    Explanation.objects.bulk_create(
        (
            Explanation(prediction=prediction, row=row, report=plain(report.to_json()))
            for row, report in explanations.items()
        ),
        batch_size=100,
    )
    for name, value in fields.items():
        setattr(prediction, name, value)
    prediction.state, prediction.finished_at = State.SUCCEEDED, timezone.now()
    prediction.save()
    record(
        "prediction.made",
        actor=prediction.created_by,
        team=prediction.team,
        thing=prediction,
        model=str(prediction.model_id),
        dataset_version=str(prediction.dataset_version_id),
        n_rows=prediction.n_rows,
        n_alerts=prediction.n_alerts,
    )


def _prediction(job: Job) -> Prediction:
    chosen = Prediction.objects.select_related(
        "team", "created_by", "model__run", "dataset_version__dataset", "history_version"
    )
    found: Prediction = chosen.get(pk=job.params["prediction"])
    return found
