"""Addresses of models."""

from django.urls import path

from apps.registry import views, views_compress

app_name = "registry"
urlpatterns = [
    path("", views.index, name="index"),
    path("compare/", views.compare, name="compare"),
    path("<uuid:model_id>/", views.model, name="model"),
    path("<uuid:model_id>/card.json", views.card, name="card"),
    path("<uuid:model_id>/compress/", views_compress.compress, name="compress"),
    path("compressions/<uuid:compression_id>/", views_compress.compression, name="compression"),
    path("compressions/<uuid:compression_id>/live/", views_compress.live, name="compression-live"),
    path("<uuid:model_id>/promote/", views.promote, name="promote"),
    path("<uuid:model_id>/roll-back/", views.roll_back, name="roll-back"),
    path("<uuid:model_id>/retire/", views.retire, name="retire"),
    path("<uuid:model_id>/restore/", views.restore, name="restore"),
]
