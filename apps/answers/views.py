"""Pages of answers that were given: find, see, correct."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.accounts.services import current_team
from apps.answers import services
from apps.answers.cards import card_of
from apps.answers.forms import AnswersFilter, CorrectionForm
from apps.answers.gathering import start_gathering
from apps.answers.models import Answer
from apps.answers.parts import whole_or_part
from apps.answers.pictures import shown
from apps.answers.proof import proof_of_answer
from apps.catalog.services import registry
from apps.catalog.services import solution as find_solution
from ml_core.errors import DataError, NotAllowedError

if TYPE_CHECKING:
    import uuid

PER_PAGE = 25


@require_GET
@allowed("results.view")
def index(request: UserRequest) -> HttpResponse:
    """List answers; by the serial of a part all that was ever said of it is found."""
    answers = Answer.objects.visible_to(request.user)
    has_any = answers.exists()
    form = AnswersFilter(request.GET)
    is_valid = form.is_valid()
    words, chosen = form.cleaned_data.get("q", ""), form.cleaned_data.get("solution", "")
    only_corrected = form.cleaned_data.get("corrected", False)
    answers = answers if is_valid else answers.none()
    if words:
        answers = answers.filter(subject__icontains=words)
    if chosen:
        answers = answers.filter(solution=chosen)
    if only_corrected:
        answers = answers.exclude(correction="")
    answers = answers.select_related("model", "created_by").defer("report")
    context = {
        "page_obj": Paginator(answers, PER_PAGE).get_page(request.GET.get("page")),
        "has_any": has_any,
        "form": form,
        "words": words,
        "chosen": chosen,
        "only_corrected": only_corrected,
        "n_labels": _n_labels(request, chosen),
        "may_gather": can(request.user, "datasets.upload"),
        "solutions": list(registry()),
    }
    return render(request, "answers/index.html", context, status=200 if is_valid else 422)


@require_POST
@allowed("datasets.upload")
def labels(request: UserRequest, slug: str) -> HttpResponse:
    """Make a dataset of what people have said of the answers of a solution."""
    try:
        job = start_gathering(user=request.user, team=current_team(request.user), solution=slug)
    except DataError as error:
        messages.warning(request, error.issues[0].message)
        return redirect(f"{reverse('answers:index')}?solution={slug}")
    return redirect(job)


@require_GET
@allowed("results.view")
def detail(request: UserRequest, answer_id: uuid.UUID) -> HttpResponse:
    answer = _answer(request, answer_id)
    context = {"card": card_of(answer, request.user), **_around(request, answer)}
    return render(request, "answers/detail.html", context)


@require_GET
@allowed("results.view")
def file(request: UserRequest, answer_id: uuid.UUID, column: str) -> HttpResponse:
    """Show a picture of a question upright, as the model saw it; play a sound."""
    answer = _answer(request, answer_id)
    if column not in answer.files:
        raise Http404
    response = whole_or_part(request, *shown(answer, column))
    response["Cache-Control"] = "private, max-age=86400, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _n_labels(request: UserRequest, slug: str) -> int:
    if slug not in registry():
        return 0
    try:
        team = current_team(request.user)
    except NotAllowedError:  # who oversees all teams may be in none
        return 0
    return services.count_labels_since(solution=slug, team=team, since=None)


@require_POST
@allowed("answers.correct")
def correct(request: UserRequest, answer_id: uuid.UUID) -> HttpResponse:
    answer = _answer(request, answer_id, "answers.correct")
    form = CorrectionForm(request.POST)
    problem = "" if form.is_valid() else " ".join(map(str, chain(*form.errors.values())))
    if not problem:
        try:
            services.correct(user=request.user, answer=answer, **form.cleaned_data)
        except DataError as error:
            problem = error.issues[0].message
    reason = form.cleaned_data.get("reason", "")
    context = {"card": card_of(answer, request.user, problem=problem), "reason": reason}
    if request.htmx:  # type: ignore[attr-defined]  # which shows nothing of a refusal
        return render(request, "answers/_correction.html", context)
    if problem:
        context |= _around(request, answer)
        return render(request, "answers/detail.html", context, status=422)
    return redirect(answer)


def _around(request: UserRequest, answer: Answer) -> dict[str, Any]:
    return {
        "solution": find_solution(answer.solution),
        "proof": proof_of_answer(answer, request.user),
        "proof_url": reverse("api:answer-proof", args=[answer.pk]),
    }


def _answer(request: UserRequest, answer_id: uuid.UUID, action: str = "results.view") -> Answer:
    rows = Answer.objects.select_related("team", "model", "created_by", "corrected_by")
    answer: Answer = get_object_or_404(rows, pk=answer_id)
    require(request.user, action, answer)
    return answer
