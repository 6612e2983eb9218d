"""Signatures of manifests: who can write to the database alone cannot slip in a model."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from django.conf import settings

from ml_core.errors import ModelError

if TYPE_CHECKING:
    from apps.registry.models import ModelVersion

_PURPOSE = b"assay model manifest 1"


def sign(model: ModelVersion) -> str:
    """Return the signature over what a model is: its id, its solution, and its files."""
    return hmac.new(_key(), _said(model), hashlib.sha256).hexdigest()


def check(model: ModelVersion) -> None:
    """Stop when a manifest is not as this installation wrote it.

    Raises: ModelError: if the signature does not fit.
    """
    if not hmac.compare_digest(sign(model), model.signature):
        message = (
            f"The manifest of {model} must be as it was signed. It was changed, or signed with "
            "another key. Restore the database and the key from a backup, or train again."
        )
        raise ModelError(message)


def _key() -> bytes:
    # A key of its own, derived from that of the installation, so that neither tells of the other.
    secret = settings.ASSAY_ENCRYPTION_KEY.encode()
    return hmac.new(secret, _PURPOSE, hashlib.sha256).digest()


def _said(model: ModelVersion) -> bytes:
    said: dict[str, Any] = {
        "id": str(model.pk),
        "team": str(model.team_id),
        "solution": model.solution,
        "number": model.number,
        "manifest": model.manifest,
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
