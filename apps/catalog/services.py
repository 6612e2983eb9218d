"""Which solutions this installation has, and trying one with its own sample."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import Http404

from solutions.registry import Registry

if TYPE_CHECKING:
    from apps.accounts.models import Team, User
    from apps.datasets.models import DatasetVersion
    from solutions.api import Solution

DEMO_NAME = "Demo data"


def registry() -> Registry:
    """Return the solutions; they are looked for once in the life of a process."""
    return _discover(
        tuple(settings.ASSAY_SOLUTIONS_ALLOWED),
        tuple(getattr(settings, "ASSAY_EXTRA_SOLUTIONS", ())),
    )


@lru_cache(maxsize=4)
def _discover(allowed: tuple[str, ...], modules: tuple[str, ...]) -> Registry:
    return Registry.discover(allowed, modules)


def solution(slug: str) -> Solution[Any]:
    """Return a solution. Raises: Http404: if there is none of that name."""
    if slug not in registry():
        raise Http404
    return registry()[slug]


def load_demo(*, solution: Solution[Any], team: Team, user: User | None) -> DatasetVersion:
    """Take in the sample of a solution as a dataset, mapped by itself."""
    from apps.datasets import services  # noqa: PLC0415  datasets know the catalogue, not only it them

    room = TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR)
    with room as folder, (path := solution.sample(Path(folder))).open("rb") as stream:
        return services.receive(
            user=user, team=team, solution=solution.slug, name=DEMO_NAME, filename=path.name,
            stream=stream, mapping="auto",
        )  # fmt: skip
