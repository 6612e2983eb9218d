"""What the test of rights needs of this app: for each kind of address, a thing of Alice's."""

from uuid import UUID

from apps.accounts.services import make_key


def _key(people):
    scopes = ["jobs.view"]
    return make_key(user=people.alice, team=people.team, name="k", scopes=scopes, days=None)[0].id


OBJECTS = {
    "accounts:key_id": _key,
    # Admins and auditors see all; these are for a test that looks for what is there.
    "api:person-detail": lambda people: people.alice.id,
    "api:team-detail": lambda people: people.team.id,
    "api:key-detail": _key,
}
PERSONAL = {"accounts:key_id"}  # Alice's alone: Bob finds none either
# Nobody's own: an admin sees all of them, and others none.
_NOBODY = UUID("00000000-0000-4000-8000-000000000000")
OPEN = {
    "people:person_id": _NOBODY, "people:team_id": _NOBODY, "people:key_id": _NOBODY,
    "api:person": _NOBODY, "api:team": _NOBODY, "api:key": _NOBODY,
}  # fmt: skip
