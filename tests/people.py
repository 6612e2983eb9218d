"""The people of the tests: Alice owns, Bob is in her team, Charlie is not, Dora approves."""

from __future__ import annotations

from dataclasses import dataclass

from apps.accounts.models import Membership, Role, Team, User

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class People:
    team: Team
    other_team: Team
    alice: User
    bob: User
    charlie: User
    dora: User
    admin: User


def make_person(name: str, role: Role, *teams: Team) -> User:
    """Make a person who can log in with `PASSWORD`."""
    user = User.objects.create_user(
        f"{name.lower()}@example.org", PASSWORD, first_name=name, role=role
    )
    for team in teams:
        Membership.objects.create(team=team, user=user)
    return user


def make_people() -> People:
    """Make two teams and everybody in them."""
    team = Team.objects.create(name="Fraud desk", slug="fraud-desk")
    other = Team.objects.create(name="Another bank", slug="another-bank")
    return People(
        team=team,
        other_team=other,
        alice=make_person("Alice", Role.ANALYST, team),
        bob=make_person("Bob", Role.ANALYST, team),
        charlie=make_person("Charlie", Role.ANALYST, other),
        dora=make_person("Dora", Role.APPROVER, team),
        admin=make_person("Ada", Role.ADMIN, team),
    )
