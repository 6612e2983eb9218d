"""What a question is: a picture, perhaps a sound, words, and the answer where somebody knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from ml_core.data.schema import Column, Schema
from ml_core.errors import Issue

if TYPE_CHECKING:
    from solutions.api import TableBatch

LONGEST = 500
CANNOT_TELL = "I cannot tell"
SCHEMA = Schema(
    (
        Column(
            "picture", "image", "Picture", "The picture that is asked about.",
            aliases=("image", "file", "image_file", "image_name"),
        ),
        Column(
            "question", "text", "Question", f"In words, at most {LONGEST} characters.",
            aliases=("sentence", "query", "text"),
        ),
        Column(
            "answer", "category", "Answer", "The right answer, where it is known.",
            required=False, nullable=True, role="label", aliases=("truth",),
        ),
        Column(
            "kind", "category", "Kind of question", "Such as count or colour; for the report only.",
            required=False, nullable=True, aliases=("type", "question_type"),
        ),
        Column(
            "sound", "audio", "Sound", "A WAV of at most 30 s to listen to, if there is one.",
            required=False, nullable=True, aliases=("audio", "clip", "sound_file"),
        ),
    )
)  # fmt: skip


def bad_questions(batch: TableBatch) -> list[Issue]:
    """Return the questions without a letter or a digit, and those that are too long."""
    text = batch.targets.select(pl.col("question").fill_null("")).to_series()
    rules = {
        "empty_question": (~text.str.contains(r"[\p{L}\p{N}]"), "have a word"),
        "long_question": (
            text.str.len_chars() > LONGEST, f"be at most {LONGEST} characters",
        ),
    }  # fmt: skip
    return [
        Issue(
            code, f"A question must {rule}. This one does not. Ask it in other words.",
            column="question", row=row + 1,
        )
        for code, (bad, rule) in rules.items()
        for row in bad.arg_true().to_list()
    ]  # fmt: skip
