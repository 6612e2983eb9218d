"""Addresses of trainings."""

from django.urls import path

from apps.experiments import views

app_name = "experiments"
urlpatterns = [
    path("solutions/<slug:slug>/train/", views.train, name="train"),
    path("runs/", views.index, name="index"),
    path("runs/compare/", views.compare, name="compare"),
    path("runs/<uuid:run_id>/", views.run, name="run"),
    path("runs/<uuid:run_id>/live/", views.live, name="live"),
    path("runs/<uuid:run_id>/curves/<slug:of>/", views.curve, name="curve"),
]
