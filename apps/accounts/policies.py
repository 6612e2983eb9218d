"""Who may do what: the whole of the rights of the product, in one table."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, cast

import structlog
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest

from apps.accounts.models import SEES_ALL_TEAMS, Role, TeamOwned, User
from ml_core.errors import NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import AnonymousUser
    from django.http.response import HttpResponseBase

P = ParamSpec("P")

_EVERYONE = frozenset(Role)
_WORKERS = frozenset({Role.ANALYST, Role.ENGINEER, Role.APPROVER, Role.ADMIN})
_PROGRAMS = _WORKERS | {Role.INTEGRATOR}

RIGHTS: dict[str, frozenset[Role]] = {
    "pages.view": _EVERYONE,
    "solutions.view": _EVERYONE,
    "solutions.train": _WORKERS,
    "solutions.score": _PROGRAMS,
    "datasets.view": _EVERYONE,
    "datasets.upload": _PROGRAMS,
    "datasets.label": _PROGRAMS,
    "datasets.delete": _WORKERS,
    "features.view": _EVERYONE,
    "features.materialise": _PROGRAMS,
    "runs.view": _EVERYONE,
    "models.view": _EVERYONE,
    "models.promote": frozenset({Role.APPROVER, Role.ADMIN}),
    "results.view": _EVERYONE,
    "results.download": _PROGRAMS,
    "answers.correct": _PROGRAMS,
    "jobs.view": _EVERYONE,
    "jobs.cancel": _PROGRAMS,
    "jobs.retry": _PROGRAMS,
    "schedules.view": _EVERYONE,
    "schedules.manage": _WORKERS,
    "audit.view": frozenset({Role.AUDITOR, Role.ADMIN}),
    "access.view": frozenset({Role.AUDITOR, Role.ADMIN}),
    "settings.profile": _EVERYONE,
    "settings.keys": _PROGRAMS,
    "encryption.rotate": frozenset({Role.ADMIN}),
    "settings.storage": frozenset({Role.ADMIN}),
    "monitoring.view": frozenset({Role.ADMIN}),
    "users.manage": frozenset({Role.ADMIN}),
}
# What a key may be made for; changing settings and people stays with a person at a page.
SCOPES = tuple(
    action for action in RIGHTS if not action.startswith(("settings.", "users.", "pages."))
)


class UserRequest(HttpRequest):
    """A request of a person who has logged in."""

    user: User


def can(user: User | AnonymousUser, action: str, thing: TeamOwned | None = None) -> bool:
    """Tell whether a person, or a key acting for one, may do this (to this thing)."""
    if not isinstance(user, User) or not user.is_active:
        return False
    if user.role not in RIGHTS[action]:
        return False
    if user.key_scopes is not None and action not in user.key_scopes:
        return False
    return thing is None or _sees(user, thing)


def require(user: User | AnonymousUser, action: str, thing: TeamOwned | None = None) -> None:
    """Stop who may not: as if the thing did not exist, if it is another team's.

    Raises: Http404: if the thing is not visible. NotAllowedError: if it is, and that is all.
    """
    if thing is not None and not (isinstance(user, User) and _sees(user, thing)):
        raise Http404
    if not can(user, action, thing):
        raise NotAllowedError(_refusal(user, action))


def _sees(user: User, thing: TeamOwned) -> bool:
    if user.key_team_id is not None:
        return thing.team_id == user.key_team_id
    return user.role in SEES_ALL_TEAMS or user.memberships.filter(team_id=thing.team_id).exists()


def _refusal(user: User | AnonymousUser, action: str) -> str:
    if isinstance(user, User) and user.key_scopes is not None and action not in user.key_scopes:
        return f"This API key must have the scope {action}. Make a key that has it under Settings."
    roles = ", ".join(sorted(role.label for role in RIGHTS[action]))
    yours = user.get_role_display() if isinstance(user, User) else "nobody"
    return (
        f"Your role must be one of: {roles}. You are {yours}. "
        "Ask an admin, or a colleague who has the role."
    )


def allowed(
    action: str,
) -> Callable[
    [Callable[Concatenate[UserRequest, P], HttpResponseBase]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """Open a view to people whose role has this right; others log in first or are told why not."""
    if action not in RIGHTS:
        raise KeyError(f"{action} must be one of the actions in RIGHTS. Add it there.")

    def decorate(
        view: Callable[Concatenate[UserRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            structlog.contextvars.bind_contextvars(user=str(request.user.pk))
            require(request.user, action)
            return view(cast("UserRequest", request), *args, **kwargs)

        guarded.action_needed = action  # type: ignore[attr-defined]  # read by the test of rights
        return cast("Callable[Concatenate[HttpRequest, P], HttpResponseBase]", guarded)

    return decorate
