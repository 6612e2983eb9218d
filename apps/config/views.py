"""The page that documents the REST interface, without a line of inline script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apps.accounts.policies import UserRequest, allowed

if TYPE_CHECKING:
    from django.http import HttpRequest

_START = """"use strict";
const ui = window.SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.schema,
  dom_id: "#swagger-ui",
  presets: [window.SwaggerUIBundle.presets.apis],
  deepLinking: true,
  persistAuthorization: false,
  requestInterceptor: (request) => {
    const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
    if (cookie) request.headers["X-CSRFToken"] = cookie.split("=")[1];
    return request;
  },
});
"""


@allowed("pages.view")
def api_docs(request: UserRequest) -> HttpResponse:
    return render(request, "assay_config/api_docs.html", {"schema": reverse("api-schema")})


def api_docs_script(request: HttpRequest) -> HttpResponse:
    """Serve the line that starts the documentation; it holds nothing of anybody."""
    return HttpResponse(_START, content_type="text/javascript")
