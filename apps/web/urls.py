"""Addresses of the shell itself."""

from django.conf import settings
from django.urls import path

from apps.web import views

app_name = "web"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("dashboard/running/", views.running, name="running"),
    path("theme/", views.theme, name="theme"),
    path("healthz", views.healthz, name="healthz"),
]

if settings.DEBUG:
    urlpatterns.append(path("styleguide/", views.styleguide, name="styleguide"))
