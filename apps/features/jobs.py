"""The job of a view: read the rows, compute the days that changed, fill the online store."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import IO, TYPE_CHECKING, Any, cast

from django.utils import timezone

from apps.datasets import storage
from apps.features import online, services
from apps.features.definitions import definition
from apps.features.errors import StoreUnreachableError
from apps.features.models import Materialization
from apps.features.source import rows_of
from apps.jobs.models import State
from apps.jobs.progress import LostLeaseError
from apps.jobs.registry import handler
from ml_core.errors import JobError
from ml_core.features import offline
from ml_core.features.rows import clean, times
from ml_core.tracking.run import stop_if_cancelled

if TYPE_CHECKING:
    from apps.features.models import FeatureView
    from apps.features.source import Source
    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun
    from ml_core.features.offline import Plan
    from ml_core.features.view import FeatureView as Definition
    from ml_core.typing import Frame


@handler("materialise", on_end=services.end, needs=("features.materialise",))
def materialise(job: Job, run: JobRun) -> str:
    """Materialise a view; nothing counts until all of it is written, and then at once."""
    made = _run_of(job)
    if made.state != State.SUCCEEDED:
        try:
            _work(made, job, run)
        except StoreUnreachableError as error:
            raise JobError(str(error.detail)) from error
    return made.view.get_absolute_url()


def _work(made: Materialization, job: Job, run: JobRun) -> None:
    services.begin(made, job)
    view = made.view
    found = definition(view.solution, view.name)
    run.stage("Reading")
    rows, sources = _read(made, found, run)
    plan = _plan(made, view, found, rows)
    run.log(f"{len(plan.compute):,} days to compute, {len(plan.keep):,} to keep")
    fresh: dict[str, dict[str, Any]] = {}
    space = services.space_of(made, job.attempt)
    try:
        run.stage("Computing")
        _write(made, found, rows, plan, run, fresh)
        run.stage("Online store")
        key_id = online.key_id()  # before: no name may be said to be of a key that comes meanwhile
        n_entities = _fill(found, rows, space)
        if not run.renew():
            raise LostLeaseError("Another worker has taken this materialization over.")
        facts = _facts(made, found, rows, plan, fresh)
        facts["view"] |= {"online_space": space, "online_key": key_id,
                          "n_entities": n_entities}  # fmt: skip
        facts["run"]["sources"] = sources
        services.finish(made, view, facts)
    except BaseException:
        with suppress(StoreUnreachableError):
            services.forget([entry["blob"] for entry in fresh.values()], [space])
        raise


def _run_of(job: Job) -> Materialization:
    rows = Materialization.objects.select_related(
        "view__dataset", "version__dataset", "team", "created_by"
    )
    made: Materialization | None = rows.filter(pk=job.params["materialization"]).first()
    if made is None or made.version is None:
        message = "The view and the version must exist. They were deleted meanwhile."
        raise JobError(message, permanent=True)
    return made


def _read(made: Materialization, found: Definition, run: JobRun) -> tuple[Frame, list[Source]]:
    if made.version is None:
        raise JobError("The version must exist. It was deleted meanwhile.", permanent=True)
    frame, sources = rows_of(made.version, found)
    rows = clean(found, frame)
    run.log(f"{rows.height:,} rows from {len(sources)} versions")
    stop_if_cancelled(run)
    return rows, sources


def _plan(made: Materialization, view: FeatureView, found: Definition, rows: Frame) -> Plan:
    kept = {date.fromisoformat(day): str(of["inputs"]) for day, of in view.days.items()}
    inputs = offline.inputs_of(found, rows)
    return offline.plan(inputs, kept, cast("Any", made.mode), made.start, made.end)


def _write(
    made: Materialization,
    found: Definition,
    rows: Frame,
    plan: Plan,
    run: JobRun,
    fresh: dict[str, dict[str, Any]],
) -> None:
    """Write each day as an encrypted file, and add what its entry says to `fresh`."""
    for day, part in offline.computed(found, rows, plan.compute):
        stop_if_cancelled(run)
        with storage.write("features") as blob:
            part.write_parquet(cast("IO[bytes]", blob))
        fresh[day.isoformat()] = {
            "blob": blob.name, "inputs": plan.inputs[day], "n_rows": part.height,
            "by": str(made.pk),
        }  # fmt: skip
        run.progress(len(fresh), len(plan.compute), "days")


def _fill(found: Definition, rows: Frame, space: str) -> int:
    """Fill a new space with recent rows; one of the far future must not push the others out."""
    if rows.is_empty():
        return 0
    last = int(times(rows[found.time])[-1])
    newest = min(last, online.microseconds(timezone.now()))
    with online.open_store() as store:
        return online.online_view(found, store, space).load(rows, newest)


def _facts(
    made: Materialization, found: Definition, rows: Frame, plan: Plan, fresh: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    days = {day.isoformat(): made.view.days[day.isoformat()] for day in plan.keep} | fresh
    newest = None if rows.is_empty() else online.moment(int(times(rows[found.time])[-1]))
    return {
        "view": {
            "days": dict(sorted(days.items())),
            "n_days": len(days),
            "version_id": made.version_id if plan.is_whole else None,
            "n_rows": sum(int(of["n_rows"]) for of in days.values()),
            "definition": found.to_json(),
            "view_hash": found.version,
            "newest_event": newest,
            "materialised_at": timezone.now(),
        },
        "run": {
            "n_rows": sum(int(of["n_rows"]) for of in fresh.values()),
            "n_days": len(fresh),
            "n_kept": len(plan.keep),
            "n_dropped": len(plan.drop),
            "newest_event": newest,
        },
    }
