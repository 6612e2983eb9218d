"""Which key protects what, and bringing all of it under the current one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from apps.accounts import keyring, second_factors
from apps.audit import anchor
from apps.audit.services import record
from apps.datasets import rotation, storage
from apps.monitoring import readings
from apps.monitoring.models import Kind
from apps.registry import signing
from apps.registry.models import ModelVersion
from ml_core.errors import ConfigError, IntegrityError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from apps.accounts.models import User
    from apps.monitoring.models import Reading

UNREADABLE = ""


@dataclass(slots=True)
class Rotated:
    """What a rotation did; `damaged` are words about what could not be brought along."""

    n_files: int = 0
    n_signatures: int = 0
    n_factors: int = 0
    damaged: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Use:
    """A key, where it comes from, and what it protects."""

    key_id: str
    where: str
    is_current: bool
    n_files: int
    n_bytes: int
    n_secrets: int

    @property
    def is_known(self) -> bool:
        """Whether the key is at hand."""
        return bool(self.where)

    @property
    def is_free(self) -> bool:
        """Whether nothing needs it any more."""
        return not self.is_current and not self.n_files and not self.n_secrets

    @property
    def can_be_dropped(self) -> bool:
        """Whether the product itself can take it away."""
        return self.is_free and self.where == keyring.FILE


def rotate(
    *, by: User | None, tell: Callable[[int, int, str], None], whole_since: float | None = None
) -> Rotated:
    """Bring every file, signature and second factor under the current key.

    What is under it already is left alone, so this may be stopped at any place and begun again.
    What was changed by somebody is left as it is, and named.
    """
    done = Rotated()
    _sign_anew(done, by)
    done.n_factors = second_factors.encrypt_anew()
    names = [name for name, _, _ in storage.walk() if not name.endswith(storage.PART)]
    for number, name in enumerate(names):
        tell(number, len(names), "files")
        try:
            done.n_files += rotation.renew(name, whole_since=whole_since)
        except IntegrityError as error:
            done.damaged.append(str(error))
    tell(len(names), max(1, len(names)), "files")
    anchor.sign_anew()
    record(
        "encryption.rotated", actor=by, key=keyring.keys().current, files=done.n_files,
        signatures=done.n_signatures, second_factors=done.n_factors, whole=whole_since is not None,
        damaged=len(done.damaged),
    )  # fmt: skip
    measure()
    return done


def _sign_anew(done: Rotated, by: User | None) -> None:
    for model in ModelVersion.objects.defer("card", "metrics").iterator(200):
        try:
            done.n_signatures += signing.sign_anew(model, by)
        except ModelError as error:
            done.damaged.append(str(error))


def measure() -> Reading:
    """Count files, signatures and second factors by key, and keep the counts."""
    files: Counter[str] = Counter()
    n_bytes: Counter[str] = Counter()
    n_begun = 0
    for name, key_id, size in rotation.key_ids():
        n_begun += key_id is None and name.endswith(storage.PART)
        files[key_id or UNREADABLE] += 1
        n_bytes[key_id or UNREADABLE] += size
    secrets = second_factors.key_ids()
    for model in ModelVersion.objects.defer("card", "metrics").iterator(200):
        secrets[signing.signed_by(model) or UNREADABLE] += 1
    if (signer := anchor.key_in_use()) is not None:
        secrets[signer] += 1
    facts = {"files": dict(files), "bytes": dict(n_bytes), "secrets": dict(secrets),
             "begun": n_begun}  # fmt: skip
    return readings.keep(Kind.KEYS, facts)


def uses(reading: Reading | None) -> list[Use]:
    """Return every key that is at hand or in use, the current ones first."""
    facts = reading.facts if reading else {"files": {}, "bytes": {}, "secrets": {}}
    source = keyring.keys()
    where = {held.key.id: held.where for held in keyring.held()}
    current = {source.current, *list(where)[:1]}
    found = dict.fromkeys([source.current, *where, *facts["files"], *facts["secrets"]])
    return [
        Use(
            key_id,
            where.get(key_id) or (keyring.SERVICE if source.knows(key_id) else ""),
            key_id in current,
            facts["files"].get(key_id, 0),
            facts["bytes"].get(key_id, 0),
            facts["secrets"].get(key_id, 0),
        )
        for key_id in found
        if key_id != UNREADABLE
    ]


def add(by: User | None) -> str:
    """Make a new key the current one; return its id. Raises: ConfigError: where it cannot be."""
    key = keyring.add()
    record("encryption.key_added", actor=by, key=key.id)
    return key.id


def drop(key_id: str, by: User | None) -> None:
    """Take an old key away once nothing needs it; everything is counted anew before.

    Raises: ConfigError: if something needs it, or it is not ours to take away.
    """
    counted = measure()
    use = next((use for use in uses(counted) if use.key_id == key_id), None)
    if use is None or not use.is_known:
        raise ConfigError(
            f"A key that is taken away must be known. Got {key_id!r}. Choose another."
        )
    if not use.is_free:
        raise ConfigError(
            f"A key that is taken away must protect nothing. {key_id} protects {use.n_files:,} "
            f"files and {use.n_secrets:,} secrets{' and is current' if use.is_current else ''}. "
            "Rotate first; if files stay, an upload under it is still running."
        )
    if n_begun := counted.facts["begun"]:
        raise ConfigError(
            f"A key that is taken away must be that of no file that is being written. {n_begun:,} "
            f"file{' is' if n_begun == 1 else 's are'} being begun and do not tell their key yet. "
            "Try again in a minute; what a killed process left goes within a day."
        )
    keyring.drop(key_id)
    record("encryption.key_dropped", actor=by, key=key_id)


def unreadable(reading: Reading | None) -> int:
    """Return how many files and secrets belong to no key by what they look like."""
    if reading is None:
        return 0
    return int(reading.facts["files"].get(UNREADABLE, 0) + reading.facts["secrets"].get("", 0))
