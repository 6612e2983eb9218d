"""A link from the page of a thing to what was done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse

from apps.accounts.policies import can

if TYPE_CHECKING:
    from django.db import models
    from django.template.context import RequestContext

register = template.Library()


@register.inclusion_tag("audit/_history.html", takes_context=True)
def history(context: RequestContext, thing: models.Model | None) -> dict[str, Any]:
    """Show a link to the events of a thing, to those who may read them: `{% history model %}`."""
    request = context.get("request")
    if thing is None or request is None or not can(request.user, "audit.view"):
        return {"url": ""}
    query = {"thing_type": thing._meta.label_lower, "thing_id": str(thing.pk)}  # noqa: SLF001
    return {"url": f"{reverse('audit:index')}?{urlencode(query)}"}
