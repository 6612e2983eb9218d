"""What an answer rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.registry.proof import Decision, mail, proof_of

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.answers.models import Answer

_CORE = ("label", "score", "confidence", "alert")


def proof_of_answer(answer: Answer, user: User) -> dict[str, Any]:
    """Return the proof of an answer, with what people said of it since."""
    decision = Decision(
        thing=answer,
        model=answer.model,
        at=answer.created_at,
        said=answer.output,
        settings=answer.settings,
        facts={name: value for name, value in answer.output.items() if name not in _CORE},
        inputs=answer.inputs,
        files={column: file["sha256"] for column, file in answer.files.items()},
        review=_review(answer),
    )
    return proof_of(decision, user)


def _review(answer: Answer) -> dict[str, Any] | None:
    if not answer.correction:
        return None
    return {
        "correction": answer.correction,
        "reason": answer.reason,
        "by": mail(answer.corrected_by),
        "at": answer.corrected_at,
    }
