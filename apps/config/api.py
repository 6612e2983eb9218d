"""The REST interface: what each app offers in its `api.py`, under one router."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from rest_framework.routers import SimpleRouter

from apps.rest.manners import all_with_manners, with_manners

router = SimpleRouter()
urlpatterns: list[URLPattern | URLResolver] = []

for _app in settings.ASSAY_APPS:
    if _app == "apps.config" or find_spec(f"{_app}.api") is None:
        continue
    _module = import_module(f"{_app}.api")
    for _prefix, _viewset, _basename in getattr(_module, "routes", []):
        router.register(_prefix, with_manners(_viewset), _basename)
    _own = getattr(_module, "urlpatterns", [])
    all_with_manners(_own)
    urlpatterns += _own

urlpatterns.append(path("", include(router.urls)))
