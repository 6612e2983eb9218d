"""What the test of rights needs of this app: for each kind of address, a thing of Alice's."""

from apps.accounts.services import make_key


def _key(people):
    scopes = ["jobs.view"]
    return make_key(user=people.alice, team=people.team, name="k", scopes=scopes, days=None)[0].id


OBJECTS = {"accounts:key_id": _key}
PERSONAL = {"accounts:key_id"}  # Alice's alone: Bob finds none either
