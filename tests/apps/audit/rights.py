"""What the test of rights needs of the trail: it is nobody's own."""

OBJECTS: dict = {}
OPEN = {"audit:form": "csv"}
