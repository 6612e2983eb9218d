"""What the test of rights needs of this app: for each kind of address, a thing of Alice's."""

from apps.accounts.services import make_key


def objects(people):
    key, _ = make_key(
        user=people.alice, team=people.team, name="k", scopes=["jobs.view"], days=None
    )
    return {"accounts:key_id": key.id}


PERSONAL = {"accounts:key_id"}  # Alice's alone: Bob finds none either
