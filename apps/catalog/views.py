"""Pages of the catalogue: all solutions, and one with all that belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.policies import UserRequest, allowed, can
from apps.accounts.services import current_team
from apps.catalog import services
from apps.catalog.snippets import snippets
from apps.datasets.models import Dataset

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from apps.accounts.models import User
    from ml_core.data.schema import Column

N_NEWEST = 5
LANGUAGES = ("curl", "python")
# Apps above this one, whose newest rows are shown where they are installed.
_BELONGINGS = (
    ("results", "Results", "inference", "Prediction", "results.view", "report-analytics"),
    ("runs", "Trainings", "experiments", "TrainingRun", "runs.view", "chart-line"),
    ("models", "Models", "registry", "ModelVersion", "models.view", "box"),
)


@allowed("solutions.view")
def index(request: UserRequest) -> HttpResponse:
    registry = services.registry()
    context = {"solutions": list(registry), "broken": registry.broken}
    return render(request, "catalog/index.html", context)


@allowed("solutions.view")
def detail(request: UserRequest, slug: str) -> HttpResponse:
    solution = services.solution(slug)
    datasets = Dataset.objects.visible_to(request.user).filter(solution=slug).with_newest()
    context = {
        "solution": solution,
        "columns": [(column, _rule(column)) for column in solution.inputs().columns],
        "datasets": datasets[:N_NEWEST],
        "belongings": [
            shown for row in _BELONGINGS if (shown := _belonging(request.user, slug, *row))
        ],
        "may_try": can(request.user, "datasets.upload"),
        "may_train": can(request.user, "solutions.train"),
        "may_score": can(request.user, "solutions.score"),
    }
    return render(request, "catalog/detail.html", context)


@allowed("solutions.view")
def code(request: UserRequest, slug: str) -> HttpResponse:
    """How a program calls the solution, in the language of the chosen tab."""
    solution = services.solution(slug)
    language = request.GET.get("in", LANGUAGES[0])
    language = language if language in LANGUAGES else LANGUAGES[0]
    found = snippets(solution, request.build_absolute_uri("/").rstrip("/"))
    context = {
        "solution": solution,
        "language": language,
        "languages": LANGUAGES,
        "snippets": [(snippet, snippet.code(language)) for snippet in found],
        "columns": solution.inputs().columns,
    }
    return render(request, "catalog/code.html", context)


def _belonging(  # noqa: PLR0913, PLR0917  one row of the table above
    user: User, slug: str, key: str, title: str, app: str, model: str, action: str, icon: str
) -> dict[str, Any] | None:
    """Return the newest rows of another app that belong to a solution, or None without it."""
    if not apps.is_installed(f"apps.{app}") or not can(user, action):
        return None
    rows: QuerySet[Any] = apps.get_model(app, model).objects.visible_to(user)
    rows = rows.filter(solution=slug).order_by("-created_at")[:N_NEWEST]
    return {"key": key, "title": title, "icon": icon, "rows": list(rows), "all": f"/{key}/"}


def _rule(column: Column) -> str:
    """Say in words what values of a column must be."""
    words = [column.unit] if column.unit else []
    if column.minimum is not None:
        words.append(f"at least {column.minimum:g}")
    if column.maximum is not None:
        words.append(f"at most {column.maximum:g}")
    if column.unique:
        words.append("different in each row")
    if column.nullable:
        words.append("may be empty")
    return ", ".join(words)


@require_POST
@allowed("datasets.upload")
def demo(request: UserRequest, slug: str) -> HttpResponse:
    version = services.load_demo(
        solution=services.solution(slug), team=current_team(request.user), user=request.user
    )
    return redirect(version)
