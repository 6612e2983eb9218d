"""Addresses of health and storage."""

from django.urls import path

from apps.monitoring import views, views_keys
from apps.monitoring.api import MetricsView

app_name = "monitoring"
urlpatterns = [
    path("readyz", views.readyz, name="readyz"),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("monitoring/", views.index, name="index"),
    path("monitoring/storage/", views.storage, name="storage"),
    path("monitoring/storage/measure/", views.measure, name="measure"),
    path("monitoring/storage/sweep/", views.sweep, name="sweep"),
    path("monitoring/keys/", views_keys.index, name="keys"),
    path("monitoring/keys/rotate/", views_keys.rotate, name="rotate-keys"),
    path("monitoring/keys/count/", views_keys.count, name="count-keys"),
    path("monitoring/keys/drop/", views_keys.drop, name="drop-key"),
]
