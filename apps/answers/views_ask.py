"""The page that asks: one row or many pictures, answered while one waits."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods

from apps.accounts.policies import UserRequest, allowed
from apps.accounts.services import current_team
from apps.answers.cards import card_of, cards_of
from apps.answers.forms import AskForm
from apps.answers.many import MOST_ASKED, MOST_FILE_BYTES, Asked, Conversation, ask_each, unpacked
from apps.answers.models import Answer
from apps.catalog.services import solution as find_solution
from apps.inference.forms import SETTING
from apps.inference.tables import has_questions
from apps.registry.models import ModelVersion
from apps.web.errors import too_busy
from ml_core.errors import BusyError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.answers.many import Outcome
    from solutions.api import Solution

PER_PAGE = 10
LINES = "application/x-ndjson"


@require_http_methods(["GET", "HEAD", "POST"])
@allowed("solutions.score")
def ask(request: UserRequest, slug: str) -> Any:
    solution = find_solution(slug)
    follows = _follows(request)
    # Another question may mean the same picture. Another part never does: without a question the
    # picture must come anew, or a part would get the verdict of the one before it.
    again = follows is not None and has_questions(solution.inputs())
    form = AskForm(
        solution, request.POST or None, request.FILES or None, has_files=again,
        initial=_kept(follows),
    )  # fmt: skip
    failed: list[Outcome] = []
    if request.method == "POST" and form.is_valid() and (asked := _asked(form)):
        said = _conversation(request, slug, form, follows)
        if LINES in request.headers.get("Accept", ""):
            lines = _lines(request, asked, said)
            return StreamingHttpResponse(lines, content_type=LINES)
        outcomes = list(ask_each(asked, said))
        failed = [outcome for outcome in outcomes if outcome.answer is None]
        if not failed:
            return redirect(f"{request.path}?thread={said.thread}")
        _tell(form, failed, has_many=len(outcomes) > 1)
        follows = follows or next((one.answer for one in outcomes if one.answer), None)
    context = _context(request, solution, form, follows)
    response = render(request, "answers/ask.html", context, status=422 if form.is_bound else 200)
    busy = next((one.error for one in failed if isinstance(one.error, BusyError)), None)
    return response if busy is None else too_busy(response, busy)


def _context(
    request: UserRequest, solution: Solution[Any], form: AskForm, follows: Answer | None
) -> dict[str, Any]:
    answers = Answer.objects.visible_to(request.user).filter(solution=solution.slug)
    if follows is not None:
        answers = answers.filter(thread=follows.thread)
    answers = answers.select_related("model", "created_by", "corrected_by", "team")
    models = ModelVersion.objects.visible_to(request.user).filter(solution=solution.slug).usable()
    page = Paginator(answers, PER_PAGE).get_page(request.GET.get("page"))
    return {
        "solution": solution,
        "form": form,
        "follows": follows,
        "page_obj": page,
        "cards": cards_of(page.object_list, request.user),
        "has_model": models.exists(),
        "has_table": has_questions(solution.inputs()),
        "most_asked": MOST_ASKED,
        "most_bytes": MOST_FILE_BYTES,
    }


def _follows(request: UserRequest) -> Answer | None:
    """Return the answer of the thread that was the newest when the page was shown.

    Another tab may have asked about another picture since, which is not meant here.
    """
    thread = request.GET.get("thread", "")
    try:
        key = uuid.UUID(thread) if thread else None
    except ValueError as error:
        raise Http404 from error
    if key is None:
        return None
    answers = Answer.objects.visible_to(request.user).filter(thread=key)
    shown = _key_or_none(request.POST.get("follows", ""))
    found: Answer | None = (shown and answers.filter(pk=shown).first()) or answers.first()
    return found


def _key_or_none(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _kept(follows: Answer | None) -> dict[str, Any]:
    """Return what a thread keeps: its settings, and the name of the thing."""
    if follows is None:
        return {}
    settings = {SETTING + name: value for name, value in follows.settings.items()}
    columns = find_solution(follows.solution).inputs().columns
    texts = {column.name for column in columns if column.kind == "text"}
    kept = {name: value for name, value in follows.inputs.items() if name not in texts}
    return {**kept, **settings}


def _asked(form: AskForm) -> list[Asked]:
    """Return what to ask about; nothing, with the reason at the form, if it cannot be read."""
    try:
        pictures = unpacked(form.pictures)
    except DataError as error:
        form.add_error(form.many, error.issues[0].message)
        return []
    if not pictures:
        return [Asked("", form.row, form.uploads)]
    return [
        Asked(name, form.row, {**form.uploads, form.many: (name, data)}) for name, data in pictures
    ]


def _conversation(
    request: UserRequest, slug: str, form: AskForm, follows: Answer | None
) -> Conversation:
    return Conversation(
        user=request.user,
        team=follows.team if follows is not None else current_team(request.user),
        solution=slug,
        thread=follows.thread if follows is not None else uuid.uuid4(),
        settings=form.chosen,
        follows=follows,
        token=form.cleaned_data["token"],
    )


def _lines(request: UserRequest, asked: list[Asked], said: Conversation) -> Iterator[str]:
    """Yield a line of JSON at the start and for each that was asked about."""
    yield json.dumps({"total": len(asked), "thread": str(said.thread)}) + "\n"
    for outcome in ask_each(asked, said):
        yield json.dumps(_line(request, outcome)) + "\n"


def _line(request: UserRequest, outcome: Outcome) -> dict[str, str]:
    if outcome.answer is None:
        return {"name": outcome.name, "problem": outcome.problem}
    card = card_of(outcome.answer, request.user)
    html = render_to_string("answers/_answer.html", {"card": card}, request=request)
    return {"name": outcome.name, "html": html, "thread": str(outcome.answer.thread)}


def _tell(form: AskForm, failed: list[Outcome], *, has_many: bool) -> None:
    """Say at the form what is wrong: at the field, where it is about one."""
    # What was answered is kept under the old key: sent again, it would be taken for that.
    form.data = {**form.data.dict(), "token": uuid.uuid4().hex}  # type: ignore[attr-defined]
    for outcome in failed:
        if has_many:
            form.add_error(None, f"{outcome.name}: {outcome.problem}")
        elif isinstance(outcome.error, DataError):
            for issue in outcome.error.issues[:10]:
                field = issue.column if issue.column in form.fields else None
                form.add_error(field, issue.message)
        else:
            form.add_error(None, outcome.problem)
