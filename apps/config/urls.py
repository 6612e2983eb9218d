"""All addresses; each app brings its own."""

from __future__ import annotations

from importlib.util import find_spec

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from apps.config import api
from apps.config.views import api_docs, api_docs_script

_PREFIXES = {
    "catalog": "solutions/",
    "datasets": "datasets/",
    "jobs": "jobs/",
    "audit": "audit/",
    "accounts": "settings/",
    "experiments": "",
    "registry": "models/",
    "inference": "",
    "web": "",
}


def _has(app: str, module: str) -> bool:
    ready = f"apps.{app}" in settings.INSTALLED_APPS
    return ready and find_spec(f"apps.{app}.{module}") is not None


# The admin pages ask for the second factor as well.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler400 = "apps.web.errors.bad_request"
handler403 = "apps.web.errors.forbidden"
handler404 = "apps.web.errors.not_found"
handler500 = "apps.web.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    *(
        path(prefix, include(f"apps.{app}.urls"))
        for app, prefix in _PREFIXES.items()
        if _has(app, "urls")
    ),
    path("accounts/", include("apps.accounts.entrance")),
    path("admin/", admin.site.urls),
    path("api/v1/", include((api.urlpatterns, "api"))),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", api_docs, name="api-docs"),
    path("api/docs/start.js", api_docs_script, name="api-docs-script"),
]
