"""Addresses of models."""

from django.urls import path

from apps.registry import views

app_name = "registry"
urlpatterns = [
    path("", views.index, name="index"),
    path("<uuid:model_id>/", views.model, name="model"),
    path("<uuid:model_id>/promote/", views.promote, name="promote"),
]
