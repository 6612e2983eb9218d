"""Rights in the REST interface, from the same table as those of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from rest_framework.permissions import BasePermission

from apps.accounts.models import TeamOwned
from apps.accounts.policies import can, require

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class Allowed(BasePermission):
    """Ask the table for the action that `view.actions_needed` names for the method.

    The keys are HTTP methods ("GET", "POST"); the name of an extra action of a viewset
    ("cancel") goes before the method. What an action needs besides stands in `also_needed`.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        method = request.method or "GET"
        if not hasattr(view, method.lower()):
            return True  # nothing is offered here, as the view will say
        action = action_needed(view, method)
        if action is None:
            return False
        require(request.user, action)
        also = getattr(view, "also_needed", {}).get(getattr(view, "action", None))
        if also is not None:
            require(request.user, also)
        return True

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        action = action_needed(view, request.method or "GET")
        if action is None or not isinstance(obj, TeamOwned):
            return action is not None
        if not can(request.user, action, obj):
            raise Http404
        return True


def action_needed(view: APIView, method: str) -> str | None:
    """Return the action that a method of a view needs, None where none is declared."""
    table: dict[str, str] = getattr(view, "actions_needed", {})
    method = "GET" if method in {"HEAD", "OPTIONS"} else method
    return table.get(getattr(view, "action", None) or "", table.get(method))
