"""Addresses of a person's own settings."""

from django.urls import path

from apps.accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.profile, name="settings"),
    path("keys/", views.keys, name="keys"),
    path("keys/<uuid:key_id>/revoke/", views.revoke, name="revoke"),
    path("keys/<uuid:key_id>/rotate/", views.rotate, name="rotate"),
]
