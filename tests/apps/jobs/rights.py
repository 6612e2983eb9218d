"""What the test of rights needs of this app: for each kind of address, a thing of Alice's."""

from apps.jobs import services


def _job(people):
    return services.enqueue(
        kind="of-no-app", title="Score", team=people.team, user=people.alice, params={}
    ).id


OBJECTS = {"jobs:job_id": _job, "api:job": _job}
