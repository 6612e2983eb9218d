"""Addresses of datasets."""

from django.urls import path

from apps.datasets import (
    compare_views,
    dvc_views,
    findings_views,
    picture_views,
    quarantine_views,
    version_views,
    views,
)

app_name = "datasets"
urlpatterns = [
    path("", views.index, name="index"),
    path("upload/", views.upload, name="upload"),
    path("import-dvc/", dvc_views.import_dvc, name="import_dvc"),
    path("<uuid:dataset_id>/", views.detail, name="detail"),
    path("<uuid:dataset_id>/upload/", views.upload_version, name="upload_version"),
    path("<uuid:dataset_id>/delete/", views.delete, name="delete"),
    path("versions/<uuid:version_id>/", version_views.version, name="version"),
    path("versions/<uuid:version_id>/live/", version_views.live, name="live"),
    path("versions/<uuid:version_id>/mapping/", version_views.mapping, name="mapping"),
    path("versions/<uuid:version_id>/issues.csv", version_views.issues, name="issues"),
    path("versions/<uuid:version_id>/browse/", version_views.browse, name="browse"),
    path("versions/<uuid:version_id>/pictures/<int:row>/", picture_views.picture, name="picture"),
    path("versions/<uuid:version_id>/annotate/<int:row>/", picture_views.annotate, name="annotate"),
    path("versions/<uuid:version_id>/freeze/", picture_views.freeze, name="freeze"),
    path("versions/<uuid:version_id>/export/<slug:form>/", picture_views.export, name="export"),
    path("versions/<uuid:version_id>/findings/", findings_views.findings, name="findings"),
    path("versions/<uuid:version_id>/inspect/", findings_views.inspect, name="inspect"),
    path("versions/<uuid:version_id>/keep-good/", quarantine_views.keep_good, name="keep_good"),
    path("versions/<uuid:version_id>/put-aside.csv", quarantine_views.aside, name="aside"),
    path("versions/<uuid:version_id>/compare/", compare_views.choose_old, name="choose_old"),
    path(
        "versions/<uuid:version_id>/compare/<uuid:other_id>/", compare_views.compare, name="compare"
    ),
    path("versions/<uuid:version_id>/dvc/", dvc_views.dvc, name="dvc"),
    path("versions/<uuid:version_id>/file/", version_views.file, name="file"),
    path("versions/<uuid:version_id>/delete/", version_views.delete, name="version_delete"),
]
