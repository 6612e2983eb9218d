"""Addresses of schedules."""

from django.urls import path

from apps.schedules import views

app_name = "schedules"
urlpatterns = [
    path("", views.index, name="index"),
    path("preview/", views.preview, name="preview"),
    path("new/<slug:slug>/", views.new, name="new"),
    path("<uuid:policy_id>/", views.policy, name="policy"),
    path("<uuid:policy_id>/edit/", views.edit, name="edit"),
    path("<uuid:policy_id>/delete/", views.delete, name="delete"),
    path("<uuid:policy_id>/pause/", views.pause, name="pause"),
    path("<uuid:policy_id>/resume/", views.resume, name="resume"),
    path("<uuid:policy_id>/run/", views.run_now, name="run"),
    path("<uuid:policy_id>/approve/", views.approve, name="approve"),
]
