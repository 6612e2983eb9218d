"""Pages of jobs: the list, and one job live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.jobs import services
from apps.jobs.forms import JobFilter
from apps.jobs.models import Job, State
from apps.jobs.queues import Queue, is_served, processes, queues
from apps.jobs.registry import rights_to_retry
from ml_core.errors import JobError

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from apps.accounts.models import User

N_LOG_LINES = 200
STOP_POLLING = 286  # htmx's way to be told that nothing more will come


@allowed("jobs.view")
def index(request: UserRequest) -> HttpResponse:
    visible = Job.objects.visible_to(request.user)
    form = JobFilter(request.GET, jobs=visible)
    jobs = form.narrow(visible).select_related("created_by")
    page = Paginator(jobs, 25).get_page(request.GET.get("page"))
    return render(request, "jobs/index.html", {"page_obj": page, "form": form})


@allowed("jobs.view")
def workers(request: UserRequest) -> HttpResponse:
    """Who works, on what, and what waits; a job of another team has no title here."""
    heard = processes()
    running = Job.objects.filter(state=State.RUNNING).only("pk", "title", "worker", "team_id")
    mine = set(Job.objects.visible_to(request.user).open().values_list("pk", flat=True))
    shown = [
        (process, [(job, job.pk in mine) for job in running if job.worker in process.pool])
        for process in heard
    ]
    template = "jobs/_workers.html" if request.headers.get("HX-Request") else "jobs/workers.html"
    return render(request, template, {"processes": shown, "queues": queues(heard)})


@allowed("jobs.view")
def detail(request: UserRequest, job_id: uuid.UUID) -> HttpResponse:
    return render(request, "jobs/detail.html", _context(request, _job(request, job_id)))


@allowed("jobs.view")
def live(request: UserRequest, job_id: uuid.UUID) -> HttpResponse:
    """The part of the page that moves; the browser asks for it every second until the end."""
    job = _job(request, job_id)
    status = STOP_POLLING if job.has_ended else 200
    context = {**_context(request, job), "polled": True}
    return render(request, "jobs/_live.html", context, status=status)


@require_POST
@allowed("jobs.cancel")
def cancel(request: UserRequest, job_id: uuid.UUID) -> HttpResponse:
    return _act(request, job_id, "jobs.cancel", services.cancel)


@require_POST
@allowed("jobs.retry")
def retry(request: UserRequest, job_id: uuid.UUID) -> HttpResponse:
    return _act(request, job_id, "jobs.retry", services.retry)


def _act(
    request: UserRequest, job_id: uuid.UUID, action: str, act: Callable[[Job, User], Job]
) -> HttpResponse:
    job = _job(request, job_id)
    require(request.user, action, job)
    try:
        act(job, request.user)
    except JobError as error:
        messages.warning(request, str(error))
    return redirect(job)


def _job(request: HttpRequest, job_id: uuid.UUID) -> Job:
    job: Job = get_object_or_404(Job.objects.select_related("created_by", "team"), id=job_id)
    require(request.user, "jobs.view", job)
    return job


def _context(request: UserRequest, job: Job) -> dict[str, object]:
    is_stuck = job.state == State.QUEUED and not is_served(job.queue)
    return {
        "job": job,
        "unserved": Queue(job.queue) if is_stuck else None,
        "events": job.events.order_by("-id")[:N_LOG_LINES],  # the newest first
        "may_cancel": job.can_be_cancelled and can(request.user, "jobs.cancel"),
        "may_retry": job.can_be_retried
        and all(can(request.user, action) for action in rights_to_retry(job.kind)),
    }
