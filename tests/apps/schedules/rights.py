"""What the test of rights needs of schedules: a policy of Alice's."""

from tests.apps.schedules.making import policy_of

OBJECTS = {
    "schedules:policy_id": lambda people: policy_of(people).id,
    "api:schedule": lambda people: policy_of(people).id,
}
OPEN = {"schedules:slug": "tiny"}
