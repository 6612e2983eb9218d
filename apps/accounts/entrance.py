"""Addresses of logging in and out; there is no sign-up and no mail to confirm."""

from allauth.account import views
from django.urls import include, path

from apps.accounts.welcome import WelcomeView

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("welcome/<uidb64>/<token>/", WelcomeView.as_view(), name="account_welcome"),
    path("2fa/", include("allauth.mfa.urls")),
]
