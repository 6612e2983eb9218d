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
from apps.jobs.models import Job, JobQuerySet
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
    form = JobFilter(request.GET)
    jobs = _filtered(Job.objects.visible_to(request.user).select_related("created_by"), form)
    page = Paginator(jobs, 25).get_page(request.GET.get("page"))
    return render(request, "jobs/index.html", {"page_obj": page, "form": form})


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


def _filtered(jobs: JobQuerySet, form: JobFilter) -> JobQuerySet:
    if not form.is_valid():
        return jobs
    state, words = form.cleaned_data["state"], form.cleaned_data["q"]
    if state:
        jobs = jobs.open() if state == "open" else jobs.filter(state=state)
    return jobs.filter(title__icontains=words) if words else jobs


def _context(request: UserRequest, job: Job) -> dict[str, object]:
    return {
        "job": job,
        "events": job.events.order_by("-id")[:N_LOG_LINES],  # the newest first
        "may_cancel": job.can_be_cancelled and can(request.user, "jobs.cancel"),
        "may_retry": job.can_be_retried and can(request.user, "jobs.retry"),
    }
