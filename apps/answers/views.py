"""Pages of single answers: ask, see, correct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.policies import UserRequest, allowed, can, require
from apps.accounts.services import current_team
from apps.answers import services
from apps.answers.forms import AskForm
from apps.answers.models import Answer
from apps.answers.pictures import shown
from apps.answers.wire import ModelProcessError
from apps.catalog.services import solution as find_solution
from apps.registry.models import ModelVersion
from ml_core.errors import AssayError, DataError

if TYPE_CHECKING:
    import uuid

PER_PAGE = 10


@require_http_methods(["GET", "HEAD", "POST"])
@allowed("solutions.score")
def ask(request: UserRequest, slug: str) -> HttpResponse:
    solution = find_solution(slug)
    follows = _follows(request)
    form = AskForm(solution, request.POST or None, request.FILES or None, has_files=bool(follows))
    if request.method == "POST" and form.is_valid():
        answer = _asked(request, slug, form, follows)
        if answer is not None:
            return redirect(f"{request.path}?thread={answer.thread}")
    answers = Answer.objects.visible_to(request.user).filter(solution=slug)
    if follows is not None:
        answers = answers.filter(thread=follows.thread)
    answers = answers.select_related("model", "created_by", "team")
    models = ModelVersion.objects.visible_to(request.user).filter(solution=slug).usable()
    context = {
        "solution": solution,
        "form": form,
        "follows": follows,
        "page_obj": Paginator(answers, PER_PAGE).get_page(request.GET.get("page")),
        "has_model": models.exists(),
        "may_correct": can(request.user, "answers.correct"),
        "label": solution.inputs().role("label"),
    }
    status = 422 if form.is_bound else 200
    return render(request, "answers/ask.html", context, status=status)


def _follows(request: UserRequest) -> Answer | None:
    """Return the newest answer of the thread that the address names."""
    thread = request.GET.get("thread", "")
    try:
        found: Answer | None = (
            Answer.objects.visible_to(request.user).filter(thread=thread).first()
            if thread
            else None
        )
    except (ValueError, TypeError) as error:
        raise Http404 from error
    return found


def _asked(request: UserRequest, slug: str, form: AskForm, follows: Answer | None) -> Answer | None:
    try:
        return services.ask(
            user=request.user,
            team=follows.team if follows is not None else current_team(request.user),
            solution=slug,
            row=form.row,
            files=form.uploads,
            settings=form.chosen,
            follows=follows,
        )
    except DataError as error:
        for issue in error.issues[:10]:
            form.add_error(issue.column if issue.column in form.fields else None, issue.message)
    except (AssayError, ModelProcessError) as error:
        form.add_error(None, str(error))
    return None


@require_GET
@allowed("results.view")
def detail(request: UserRequest, answer_id: uuid.UUID) -> HttpResponse:
    answer = _answer(request, answer_id)
    solution = find_solution(answer.solution)
    context = {
        "answer": answer,
        "solution": solution,
        "label": solution.inputs().role("label"),
        "may_correct": can(request.user, "answers.correct", answer),
    }
    return render(request, "answers/detail.html", context)


@require_GET
@allowed("results.view")
def file(request: UserRequest, answer_id: uuid.UUID, column: str) -> Any:
    """Show a picture of a question upright, as the model saw it; play a sound."""
    answer = _answer(request, answer_id)
    if column not in answer.files:
        raise Http404
    data, kind = shown(answer, column)
    response = FileResponse(data, content_type=kind)
    response["Cache-Control"] = "private, max-age=86400, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
@allowed("answers.correct")
def correct(request: UserRequest, answer_id: uuid.UUID) -> HttpResponse:
    answer = _answer(request, answer_id, "answers.correct")
    words = request.POST.get("correction", "")
    problem = ""
    try:
        services.correct(user=request.user, answer=answer, correction=words)
    except DataError as error:
        problem = error.issues[0].message
    label = find_solution(answer.solution).inputs().role("label")
    context = {"answer": answer, "problem": problem, "may_correct": True, "label": label}
    status = 422 if problem else 200
    return render(request, "answers/_correction.html", context, status=status)


def _answer(request: UserRequest, answer_id: uuid.UUID, action: str = "results.view") -> Answer:
    rows = Answer.objects.select_related("team", "model", "created_by", "corrected_by")
    answer: Answer = get_object_or_404(rows, pk=answer_id)
    require(request.user, action, answer)
    return answer
