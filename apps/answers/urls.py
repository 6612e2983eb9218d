"""Addresses of single answers."""

from django.urls import path

from apps.answers import views, views_ask

app_name = "answers"
urlpatterns = [
    path("solutions/<slug:slug>/ask/", views_ask.ask, name="ask"),
    path("solutions/<slug:slug>/labels/", views.labels, name="labels"),
    path("answers/", views.index, name="index"),
    path("answers/<uuid:answer_id>/", views.detail, name="detail"),
    path("answers/<uuid:answer_id>/files/<str:column>", views.file, name="file"),
    path("answers/<uuid:answer_id>/correct/", views.correct, name="correct"),
]
