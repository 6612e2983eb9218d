"""The job that brings everything under the current key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.accounts.models import Team
from apps.jobs.models import Job
from apps.jobs.registry import handler
from apps.jobs.services import enqueue
from apps.monitoring import encryption
from ml_core.errors import ConfigError, JobError
from ml_core.tracking.run import stop_if_cancelled

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.jobs.progress import JobRun

KIND = "rotate_keys"
MOST_NAMED = 20


@handler(KIND, needs=("encryption.rotate",))
def work(job: Job, run: JobRun) -> str:
    """Rotate; an attempt after a crash goes on with what is left."""
    run.stage("Rotating keys")

    def tell(done: int, total: int, note: str) -> None:
        stop_if_cancelled(run)
        run.progress(done, total, note)

    whole_since = job.created_at.timestamp() if job.params.get("whole") else None
    done = encryption.rotate(by=job.created_by, tell=tell, whole_since=whole_since)
    run.log(
        f"{done.n_files:,} files, {done.n_signatures:,} signatures and {done.n_factors:,} second "
        "factors were brought under the current key."
    )
    if done.damaged:
        raise JobError(_told(done.damaged), permanent=True)
    return "/monitoring/keys/"


def start(by: User, *, is_whole: bool, is_new: bool) -> Job:
    """Put a rotation into the queue, under a new key if asked for; one that waits is returned.

    Raises: ConfigError: if no key can be made here, or there is no team to run jobs for.
    """
    if is_new:
        encryption.add(by)
    params = {"whole": is_whole}
    open_jobs = Job.objects.open().filter(kind=KIND)
    known: Job | None = next((job for job in open_jobs if job.params == params), None)
    if known is not None and not is_new:
        return known
    member = by.memberships.select_related("team").first()
    team = member.team if member else Team.objects.order_by("name").first()
    if team is None:
        message = "There must be a team to run jobs for. There is none. Make one under People."
        raise ConfigError(message)
    return enqueue(kind=KIND, title="Rotate the keys", team=team, user=by, params=params)


def _told(damaged: list[str]) -> str:
    more = len(damaged) - MOST_NAMED
    named = "\n".join(damaged[:MOST_NAMED]) + (f"\nand {more:,} more" if more > 0 else "")
    return (
        f"Everything that is rotated must be as it was written. {len(damaged):,} things are not, "
        f"and stay under their old keys; all else is done. Restore them from a backup, or delete "
        f"them, and rotate again.\n{named}"
    )
