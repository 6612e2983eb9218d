"""The job that walks the audit trail: the trail lies below the jobs and only asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.dispatch import receiver

from apps.accounts.models import Team
from apps.audit import verification
from apps.audit.models import ChainCheck
from apps.jobs.registry import handler
from apps.jobs.services import enqueue
from ml_core.errors import ConfigError
from ml_core.tracking.run import stop_if_cancelled

if TYPE_CHECKING:
    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun

KIND = "verify_audit"


def end(job: Job) -> None:
    """Tell the check that it will not be finished."""
    verification.fail(str(job.params.get("check")), job.error)


@handler(KIND, on_end=end)
def verify(job: Job, run: JobRun) -> str:
    """Walk the chain from its first event, also after a crash."""
    check = ChainCheck.objects.select_related("asked_by").get(pk=job.params["check"])
    run.stage("Verifying the chain")

    def tell(done: int, total: int) -> None:
        stop_if_cancelled(run)
        run.progress(done, total, "events")

    if check.finished_at is None:
        state = verification.walk(check, tell)
        run.log("The chain is whole." if state.is_whole else f"Broken: {state.reason}.")
    return "/audit/"


@receiver(verification.check_asked)
def start(check: ChainCheck, **_: Any) -> str:
    """Put a check into the queue, for the first team of who asked, or the first there is."""
    user = check.asked_by
    member = user.memberships.select_related("team").first() if user else None
    team = member.team if member else Team.objects.order_by("name").first()
    if team is None:
        message = "There must be a team to run jobs for. There is none. Make one under People."
        raise ConfigError(message)
    job = enqueue(
        kind=KIND, title="Verify the audit trail", team=team, user=user,
        params={"check": str(check.pk)},
    )  # fmt: skip
    return job.get_absolute_url()
