"""Addresses of the audit trail."""

from django.urls import path

from apps.audit import views

app_name = "audit"
urlpatterns = [
    path("", views.index, name="index"),
    path("chain/", views.chain, name="chain"),
    path("verify/", views.verify, name="verify"),
    path("export/<str:form>/", views.export, name="export"),
]
