"""All addresses; each app brings its own."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from apps.config import api
from apps.config.views import api_docs, api_docs_script

# Django's admin knows none of the product's rules: it opens for developers, or when told to.
if settings.ASSAY_DJANGO_ADMIN:
    admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler400 = "apps.web.errors.bad_request"
handler403 = "apps.web.errors.forbidden"
handler404 = "apps.web.errors.not_found"
handler500 = "apps.web.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("apps.web.urls")),
    path("solutions/", include("apps.catalog.urls")),
    path("datasets/", include("apps.datasets.urls")),
    path("jobs/", include("apps.jobs.urls")),
    path("models/", include("apps.registry.urls")),
    path("", include("apps.experiments.urls")),
    path("", include("apps.inference.urls")),
    path("", include("apps.answers.urls")),
    path("features/", include("apps.features.urls")),
    path("schedules/", include("apps.schedules.urls")),
    path("", include("apps.monitoring.urls")),
    path("benchmarks/", include("apps.benchmarks.urls")),
    path("audit/", include("apps.audit.urls")),
    path("settings/", include("apps.accounts.urls")),
    path("people/", include("apps.accounts.urls_people")),
    path("accounts/", include("apps.accounts.entrance")),
    path("api/v1/", include((api.urlpatterns, "api"))),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", api_docs, name="api-docs"),
    path("api/docs/start.js", api_docs_script, name="api-docs-script"),
]
if settings.ASSAY_DJANGO_ADMIN:
    urlpatterns.append(path("admin/", admin.site.urls))
