"""Addresses of people, teams, roles and keys, for admins."""

from django.urls import path

from apps.accounts import views_people, views_teams

app_name = "people"
urlpatterns = [
    path("", views_people.index, name="index"),
    path("new/", views_people.invite, name="invite"),
    path("roles/", views_people.roles, name="roles"),
    path("keys/", views_people.keys, name="keys"),
    path("keys/<uuid:key_id>/revoke/", views_people.revoke_key, name="revoke"),
    path("teams/", views_teams.index, name="teams"),
    path("teams/<uuid:team_id>/", views_teams.detail, name="team"),
    path("teams/<uuid:team_id>/add/", views_teams.add, name="team_add"),
    path("teams/<uuid:team_id>/remove/<uuid:person_id>/", views_teams.remove, name="team_remove"),
    path("teams/<uuid:team_id>/delete/", views_teams.delete, name="team_delete"),
    path("<uuid:person_id>/", views_people.detail, name="detail"),
    path("<uuid:person_id>/deactivate/", views_people.deactivate, name="deactivate"),
    path("<uuid:person_id>/reactivate/", views_people.reactivate, name="reactivate"),
    path("<uuid:person_id>/password/", views_people.reset_password, name="reset_password"),
    path("<uuid:person_id>/second-factor/", views_people.reset_factor, name="reset_factor"),
    path("<uuid:person_id>/sessions/", views_people.end_sessions, name="end_sessions"),
]
