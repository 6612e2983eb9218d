"""Requests and answers as they are sent, shown in the documentation of the interface."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

JSON, FORM = "application/json", "multipart/form-data"
_ID = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"
_OTHER = "0b0f9f4e-6b1c-4a7e-9f6a-2f1f6f0f3d11"
_AT = "2026-05-04T08:15:30.123456Z"
PAYMENT = {
    "transaction_id": "t-1001",
    "time": "2026-05-04T08:15:00",
    "card_id": "c-17",
    "terminal_id": "m-4",
    "amount": 412.5,
}


@dataclass(frozen=True, slots=True)
class Examples:
    """Requests by content type and name, and answers by name."""

    requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)


def _answer(slug: str, inputs: object, output: object) -> dict[str, object]:
    return {
        "id": _ID, "url": f"/answers/{_ID}/", "solution": slug, "model": _OTHER, "thread": _ID,
        "inputs": inputs, "settings": {}, "output": output, "report": [], "seconds": 0.041,
        "subject": "", "correction": "", "reason": "", "label": None, "created_at": _AT,
    }  # fmt: skip


_VERSION = {
    "id": _ID, "url": f"/datasets/versions/{_ID}/", "dataset": _OTHER, "dataset_name": "May",
    "solution": "fraud", "number": 1, "state": "checking", "filename": "may.csv", "format": "csv",
    "size_bytes": 48211, "sha256": "9f86d081" * 8,
    "n_rows": None, "n_issues": 0, "time_min": None, "time_max": None, "job": _OTHER,
    "job_url": f"/api/v1/jobs/{_OTHER}/", "created_at": _AT, "columns": [], "mapping": {},
    "origin": "upload", "content_sha256": "", "n_aside": 0,
    "parent": None, "ignored": [], "report": {}, "issues": [], "error": "",
}  # fmt: skip
_MAPPING = {name: name for name in PAYMENT}

EXAMPLES: dict[str, Examples] = {
    "solutions_answers_create": Examples(
        {
            JSON: {
                "one payment": {"row": PAYMENT},
                "another question about the same picture": {
                    "row": {"question": "How many circles are there?"}, "follows": _ID,
                },
            },
            FORM: {
                "one picture": {"picture": "@part-7.jpg", "row": '{"part": "7"}'},
                "a question about a picture": {
                    "picture": "@scene.png", "row": '{"question": "Is there a red circle?"}',
                },
            },
        },
        {
            "one payment": _answer(
                "fraud", PAYMENT,
                {"score": 0.93, "label": "fraud", "confidence": 0.93, "alert": True},
            ),
            "a question about a picture": _answer(
                "vqa", {"question": "Is there a red circle?"},
                {"score": 0.02, "label": "yes", "confidence": 0.98, "alert": False},
            ),
        },
    ),
    "datasets_create": Examples(
        {
            FORM: {
                "a table": {"solution": "fraud", "name": "May", "file": "@may.csv"},
                "pictures": {"solution": "casting", "name": "Line 2", "file": "@pictures.zip"},
                "a new version": {"dataset": _OTHER, "file": "@june.csv"},
            }
        },
        {"being checked": _VERSION},
    ),
    "dataset_versions_mapping_update": Examples(
        {JSON: {"columns": {"mapping": {**_MAPPING, "amount": "TX_AMOUNT"}}}}
    ),
    "solutions_trainings_create": Examples(
        {JSON: {"with its defaults": {"dataset_version": _ID, "options": {}, "seed": 0}}}
    ),
    "solutions_predictions_create": Examples(
        {
            JSON: {
                "with the live model": {"dataset_version": _ID},
                "with a model and no history": {
                    "dataset_version": _ID, "model": _OTHER, "history": "none",
                },
            }
        }
    ),
    "models_promote_create": Examples({JSON: {"a reason": {"reason": "Better on May's data."}}}),
    "schedules_create": Examples(
        {
            JSON: {
                "each Monday at three, if there are 200 new labels": {
                    "name": "Each Monday", "dataset": _OTHER, "trigger": "clock",
                    "cron": "0 3 * * 1", "zone": "Europe/Berlin", "n_labels": 200,
                    "window": {"days": 90}, "min_gain": 0.005, "outcome": "candidate",
                },
            }
        }
    ),
    "answers_correct_create": Examples({JSON: {"the truth": {"correction": "no"}}}),
}  # fmt: skip
