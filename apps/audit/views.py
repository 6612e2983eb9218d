"""The audit trail as a page: search it, and see whether the chain is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.shortcuts import render

from apps.accounts.policies import UserRequest, allowed
from apps.audit.chain import verify
from apps.audit.forms import TrailFilter
from apps.audit.models import AuditEvent

if TYPE_CHECKING:
    from django.http import HttpResponse


@allowed("audit.view")
def index(request: UserRequest) -> HttpResponse:
    form = TrailFilter(request.GET)
    events = AuditEvent.objects.visible_to(request.user).select_related("team")
    if form.is_valid():
        action, actor = form.cleaned_data["action"], form.cleaned_data["actor"]
        events = events.filter(action__icontains=action) if action else events
        events = events.filter(actor_label__icontains=actor) if actor else events
    page = Paginator(events, 50).get_page(request.GET.get("page"))
    return render(request, "audit/index.html", {"page_obj": page, "form": form})


@allowed("audit.view")
def chain(request: UserRequest) -> HttpResponse:
    """The state of the chain, asked for on its own since it reads every event."""
    return render(request, "audit/_chain.html", {"state": verify()})
