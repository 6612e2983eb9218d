"""What the test of rights needs of features: a kept view of Alice's."""

from tests.apps.features.making import kept_view

OBJECTS = {
    "features:view_id": lambda people: kept_view(people).id,
    "api:feature": lambda people: kept_view(people).id,
}
OPEN = {"features:slug": "tiny", "features:name": "cards"}
