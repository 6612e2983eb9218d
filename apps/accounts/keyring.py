"""The keys of this installation: where they come from, and which is the current one.

Local keys are those of the file of keys, then those of the environment; the first is current. A
key service, where there is one, wraps the keys of files instead; signatures and second factors
rest on local keys always.
"""

from __future__ import annotations

import hashlib
import hmac
import shlex
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

from apps.accounts.secrets import fernet_key
from ml_core.errors import ConfigError
from ml_core.security.key_file import add_key, drop_key, read_keys
from ml_core.security.keys import Chain, Key, KeySource, LocalKeys
from ml_core.security.kms import Command, KmsKeys, Vault

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE, FIRST, MORE = "ASSAY_KEYS_FILE", "ASSAY_ENCRYPTION_KEY", "ASSAY_ENCRYPTION_KEYS_MORE"
SERVICE = "key service"


@dataclass(frozen=True, slots=True)
class Held:
    """A key, and the setting that it comes from."""

    key: Key
    where: str


def held() -> tuple[Held, ...]:
    """Return every local key once, the current one first.

    Raises: ConfigError: if one is none, or the file of keys is open to others.
    """
    return _held(*_settings(), _file_as_it_stands())


def local() -> LocalKeys:
    """Return the local keys."""
    return _local(*_settings(), _file_as_it_stands())


def keys() -> KeySource:
    """Return the source that files are written and read with."""
    service = _service(
        settings.ASSAY_KMS_ADDRESS, settings.ASSAY_KMS_KEY, settings.ASSAY_KMS_TOKEN,
        settings.ASSAY_KMS_COMMAND,
    )  # fmt: skip
    return local() if service is None else Chain([service, local()])


def for_purpose(purpose: bytes) -> Mapping[str, bytes]:
    """Derive a key for a purpose from each local key, by id, the current one first."""
    return {
        key.id: hmac.new(key.encoded.encode(), purpose, hashlib.sha256).digest()
        for key in local().keys
    }


def box() -> MultiFernet:
    """Return what second factors are encrypted with: the current key writes, all read."""
    known = local()
    _ = known.current  # says what to do where there is none
    return MultiFernet([Fernet(fernet_key(key.encoded)) for key in known.keys])


def add() -> Key:
    """Make a new key and put it first in the file of keys.

    Raises: ConfigError: if this installation has no file of keys.
    """
    if settings.ASSAY_KMS_ADDRESS or settings.ASSAY_KMS_COMMAND:
        raise ConfigError(
            "A new key must be made where keys live. They live in the key service. Rotate its key "
            "there, then rotate here."
        )
    if not settings.ASSAY_KEYS_FILE:
        raise ConfigError(
            f"A new key must have a file to be kept in. The keys come from {FIRST}, which only "
            f"you can change. Put a new key into {MORE} and restart all, then make it {FIRST} and "
            f"the old one {MORE}, restart again, and rotate; or set {FILE}."
        )
    key = Key.fresh()
    add_key(Path(settings.ASSAY_KEYS_FILE), key)
    return key


def drop(key_id: str) -> None:
    """Take an old key out of the file of keys. Raises: ConfigError: if it is not there."""
    if not settings.ASSAY_KEYS_FILE:
        raise ConfigError(f"The key must be taken out where it was set: {FIRST} or {MORE}.")
    drop_key(Path(settings.ASSAY_KEYS_FILE), key_id)


def _settings() -> tuple[str, str, str]:
    return (
        settings.ASSAY_ENCRYPTION_KEY, settings.ASSAY_ENCRYPTION_KEYS_MORE,
        settings.ASSAY_KEYS_FILE,
    )  # fmt: skip


def _file_as_it_stands() -> tuple[int, ...]:
    """Tell one state of the file from another, so that a new key is seen without a restart."""
    if not settings.ASSAY_KEYS_FILE:
        return ()
    try:
        found = Path(settings.ASSAY_KEYS_FILE).stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode


@lru_cache(maxsize=8)
def _held(first: str, more: str, file: str, _state: tuple[int, ...]) -> tuple[Held, ...]:
    found = [Held(key, FILE) for key in (read_keys(Path(file)) if file else ())]
    found += [Held(Key.of(first, FIRST), FIRST)] if first else []
    others = more.replace(",", " ").split()
    found += [Held(Key.of(one, MORE), MORE) for one in others]
    known: dict[str, Held] = {}
    for one in found:
        known.setdefault(one.key.id, one)
    return tuple(known.values())


@lru_cache(maxsize=8)
def _local(first: str, more: str, file: str, state: tuple[int, ...]) -> LocalKeys:
    return LocalKeys([one.key for one in _held(first, more, file, state)])


@lru_cache(maxsize=2)
def _service(address: str, key: str, token: str, command: str) -> KmsKeys | None:
    if address and command:
        raise ConfigError(
            "There must be one key service. Got ASSAY_KMS_ADDRESS and ASSAY_KMS_COMMAND. Unset one."
        )
    if address:
        return KmsKeys(Vault(address, key, token))
    return KmsKeys(Command(tuple(shlex.split(command)))) if command else None
