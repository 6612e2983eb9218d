"""Signatures of manifests: who can write to the database alone cannot slip in a model."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from django.db import transaction

from apps.accounts import keyring
from apps.audit.services import record
from ml_core.errors import ModelError

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.registry.models import ModelVersion

_PURPOSE = b"assay model manifest 1"


def sign(model: ModelVersion) -> str:
    """Return the signature over what a model is: its id, its solution, and its files."""
    key = next(iter(keyring.for_purpose(_PURPOSE).values()))
    return hmac.new(key, _said(model), hashlib.sha256).hexdigest()


def signed_by(model: ModelVersion) -> str | None:
    """Return the id of the key that signed a manifest; None if no key of this installation did."""
    said = _said(model)
    for key_id, key in keyring.for_purpose(_PURPOSE).items():
        signature = hmac.new(key, said, hashlib.sha256).hexdigest()
        if hmac.compare_digest(signature, model.signature):
            return key_id
    return None


def check(model: ModelVersion) -> None:
    """Stop when a manifest is not as this installation wrote it.

    Raises: ModelError: if the signature does not fit.
    """
    if signed_by(model) is None:
        message = (
            f"The manifest of {model} must be as it was signed. It was changed, or signed with "
            "another key. Restore the database and the key from a backup, or train again."
        )
        raise ModelError(message)


@transaction.atomic
def sign_anew(model: ModelVersion, by: User | None) -> bool:
    """Sign a manifest with the current key, if another one of this installation signed it.

    Raises: ModelError: if none did: what was changed is not blessed.
    """
    row = type(model).objects.select_for_update().get(pk=model.pk)
    check(row)
    fresh = sign(row)
    if row.signature == fresh:
        return False
    before, row.signature = row.signature, fresh
    row.save(update_fields=["signature"])
    record(
        "model.signed_anew", actor=by, team=row.team, thing=row,
        before={"signature": before}, after={"signature": fresh},
    )  # fmt: skip
    return True


def digest(model: ModelVersion) -> str:
    """Return a hash of what is signed, which stays when the key changes."""
    return hashlib.sha256(_said(model)).hexdigest()


def _said(model: ModelVersion) -> bytes:
    said: dict[str, Any] = {
        "id": str(model.pk),
        "team": str(model.team_id),
        "solution": model.solution,
        "number": model.number,
        "manifest": model.manifest,
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
