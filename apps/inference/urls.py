"""Addresses of scoring and its results."""

from django.urls import path

from apps.inference import views, views_rows, views_tables

app_name = "inference"
urlpatterns = [
    path("solutions/<slug:slug>/score/", views.score, name="score"),
    path("solutions/<slug:slug>/table/", views_tables.table, name="table"),
    path("results/", views.index, name="index"),
    path("results/<uuid:prediction_id>/", views.result, name="result"),
    path("results/<uuid:prediction_id>/live/", views.live, name="live"),
    path("results/<uuid:prediction_id>/download.<str:form>", views_rows.download, name="download"),
    path("results/<uuid:prediction_id>/table/", views_tables.answers, name="answers"),
    path(
        "results/<uuid:prediction_id>/table.<str:form>",
        views_tables.answers_file,
        name="answers_file",
    ),
    path("results/<uuid:prediction_id>/rows/<int:row>/", views_rows.row, name="row"),
    path(
        "results/<uuid:prediction_id>/rows/<int:row>/reasons/", views_rows.reasons, name="reasons"
    ),
    path(
        "results/<uuid:prediction_id>/rows/<int:row>/explain/", views_rows.explain, name="explain"
    ),
]
