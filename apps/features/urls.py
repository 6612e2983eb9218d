"""Addresses of the feature store."""

from django.urls import path

from apps.features import views

app_name = "features"
urlpatterns = [
    path("", views.index, name="index"),
    path("views/<uuid:view_id>/", views.view, name="view"),
    path("views/<uuid:view_id>/look-up/", views.look_up, name="look_up"),
    path("<slug:slug>/<slug:name>/", views.show_definition, name="definition"),
    path("<slug:slug>/<slug:name>/materialise/", views.materialise, name="materialise"),
]
