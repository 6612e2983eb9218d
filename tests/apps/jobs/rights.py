"""What the test of rights needs of this app: for each kind of address, a thing of Alice's."""

from apps.jobs import services


def objects(people):
    job = services.enqueue(
        kind="of-no-app", title="Score", team=people.team, user=people.alice, params={}
    )
    return {"jobs:job_id": job.id, "api:job": job.id}
