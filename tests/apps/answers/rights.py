"""What the test of rights needs of answers: one of Alice's."""

import tempfile
from pathlib import Path

from apps.answers.models import Answer
from tests.apps.workshop import trained_model


def _answer(people):
    model = trained_model(people, Path(tempfile.mkdtemp()))
    return Answer.objects.create(
        team=people.team, created_by=people.alice, solution="tiny", model=model, seconds=0.1,
        output={"label": "good", "score": 0.1, "confidence": 0.9}, token=str(model.pk),
    ).id  # fmt: skip


OBJECTS = {"answers:answer_id": _answer, "api:answer": _answer}
OPEN = {"answers:slug": "tiny", "answers:column": "picture"}
# Nothing was sent with it.
MAY_BE_MISSING = {"answers:file"}
