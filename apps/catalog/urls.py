"""Addresses of the catalogue."""

from django.urls import path

from apps.catalog import views

app_name = "catalog"
urlpatterns = [
    path("", views.index, name="index"),
    path("<slug:slug>/", views.detail, name="detail"),
    path("<slug:slug>/code/", views.code, name="code"),
    path("<slug:slug>/demo/", views.demo, name="demo"),
]
