"""Who may come in, in the REST interface: people, teams and keys, to be looked at.

Read alone. A key that could make people or keys would outlive its own end, so both are made at a
page, by a person; see docs/decisions/0015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.models import ApiKey, Team, User

if TYPE_CHECKING:
    from django.db.models import QuerySet


class TeamNameSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields: ClassVar = ["id", "name"]
        read_only_fields = fields


class PersonSerializer(serializers.ModelSerializer[User]):
    name = serializers.CharField(source="get_full_name", read_only=True)
    teams = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields: ClassVar = [
            "id", "email", "name", "role", "is_active", "teams", "date_joined", "last_login",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(TeamNameSerializer(many=True))
    def get_teams(self, person: User) -> list[dict[str, Any]]:
        """Return the teams that the caller may see, by name."""
        mine = _team_of_key(self.context["request"].user)
        seen = [team for team in person.teams.all() if mine in (None, team.pk)]
        return [dict(TeamNameSerializer(team).data) for team in seen]


class MemberSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields: ClassVar = ["id", "email", "role", "is_active"]
        read_only_fields = fields


class TeamSerializer(serializers.ModelSerializer[Team]):
    members = MemberSerializer(source="users", many=True, read_only=True)

    class Meta:
        model = Team
        fields: ClassVar = ["id", "name", "slug", "members"]
        read_only_fields = fields


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    has_run_out = serializers.BooleanField(read_only=True)
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ApiKey
        fields: ClassVar = [
            "id", "name", "prefix", "user", "team", "scopes", "created_at", "expires_at",
            "last_used_at", "has_run_out",
        ]  # fmt: skip
        read_only_fields = fields


class PersonViewSet(ReadOnlyModelViewSet[User]):
    """People with their role and teams; a key sees those of its team."""

    queryset = User.objects.none()
    serializer_class = PersonSerializer
    actions_needed: ClassVar = {"GET": "access.view"}
    filterset_fields: ClassVar = ["role", "is_active"]

    def get_queryset(self) -> QuerySet[User]:
        found = User.objects.prefetch_related("teams").order_by("email")
        team = _team_of_key(self.request.user)
        return found if team is None else found.filter(teams=team)


class TeamViewSet(ReadOnlyModelViewSet[Team]):
    """Teams with their members; a key sees its own."""

    queryset = Team.objects.none()
    serializer_class = TeamSerializer
    actions_needed: ClassVar = {"GET": "access.view"}

    def get_queryset(self) -> QuerySet[Team]:
        found = Team.objects.prefetch_related("users")
        team = _team_of_key(self.request.user)
        return found if team is None else found.filter(pk=team)


class ApiKeyViewSet(ReadOnlyModelViewSet[ApiKey]):
    """Everybody's keys: whose, for what, until when, and when last used. Never the key itself."""

    queryset = ApiKey.objects.none()
    serializer_class = ApiKeySerializer
    actions_needed: ClassVar = {"GET": "access.view"}
    filterset_fields: ClassVar = ["user", "team"]

    def get_queryset(self) -> QuerySet[ApiKey]:
        found = ApiKey.objects.all()
        team = _team_of_key(self.request.user)
        return found if team is None else found.filter(team=team)


def _team_of_key(user: Any) -> Any:
    """Return the one team that a key sees, None for a person who sees all."""
    return user.key_team_id


routes = [
    ("people", PersonViewSet, "person"),
    ("teams", TeamViewSet, "team"),
    ("keys", ApiKeyViewSet, "key"),
]
