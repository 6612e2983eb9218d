"""The online store of this installation: where it is, and under which names entities stand in it.

Entities are people's cards and accounts, so they stand under a keyed digest. The key follows from
the current local key of the installation: whoever has the store alone can neither read names nor
try them out.
"""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import redis
from django.conf import settings

from apps.accounts import keyring
from apps.datasets.errors import ConflictError
from apps.features.definitions import current
from apps.features.errors import StoreUnreachableError
from ml_core.features.online import Found, OnlineView
from ml_core.features.redis_store import RedisStore
from ml_core.features.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from apps.features.models import FeatureView
    from ml_core.features.online import Store
    from ml_core.features.view import FeatureView as Definition

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAME_BYTES = 16
_PURPOSE = b"assay names in the online store"


@contextmanager
def open_store() -> Iterator[Store]:
    """Open the online store. Raises: StoreUnreachableError: if it does not answer."""
    url = settings.ASSAY_FEATURES_URL
    try:
        with RedisStore(url) if url else SqliteStore(_file()) as store:
            yield store
    except (redis.RedisError, sqlite3.DatabaseError) as error:
        raise StoreUnreachableError from error


def online_view(definition: Definition, store: Store, space: str) -> OnlineView:
    """Return a view in a space of the store, under names that nobody can try out."""
    return OnlineView(definition, store, space, digest=partial(_name, _secret()))


def key_id() -> str:
    """Return what tells one key of names from another."""
    return _name(_secret(), "key id").hex()[:16]


def look_up(view: FeatureView, entities: Sequence[str], at: datetime) -> list[Found]:
    """Return the features of entities at a moment.

    Raises: ConflictError: if the view must be materialised before. StoreUnreachableError: if the
        store does not answer.
    """
    definition = require_current(view)
    moment = microseconds(at)
    with open_store() as store:
        online = online_view(definition, store, view.online_space)
        return online.look_up(entities, [moment] * len(entities))


def require_current(view: FeatureView) -> Definition:
    """Return the definition under which the online store was filled.

    Raises: ConflictError: if it is empty, or was filled under another definition or key.
    """
    definition = current(view)
    if definition is None:
        reason = "Its solution does not define it any more"
    elif not view.online_space:
        reason = "It was not materialised yet"
    elif view.view_hash != definition.version:
        reason = "Its definition has changed since"
    elif view.online_key != key_id():
        reason = "The key of the installation has changed since"
    else:
        return definition
    message = (
        "A view must be materialised as it is defined now before it is looked up. "
        f"{reason}. Materialise it."
    )
    raise ConflictError(message)


def drop(spaces: Sequence[str]) -> None:
    """Remove spaces of the store that nobody reads any more."""
    if not any(spaces):
        return
    with open_store() as store:
        for space in filter(None, spaces):
            store.drop(space)


def microseconds(at: datetime) -> int:
    """Return a moment as whole microseconds since 1970, UTC."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(at: int | None) -> datetime | None:
    """Return whole microseconds as a moment, UTC."""
    return None if at is None else _EPOCH + timedelta(microseconds=at)


def _file() -> Path:
    return Path(settings.ASSAY_DATA_DIR) / "features" / "online.sqlite3"


def _secret() -> bytes:
    current = keyring.local().current  # says what to do where there is none
    return keyring.for_purpose(_PURPOSE)[current]


def _name(secret: bytes, text: str) -> bytes:
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()[:_NAME_BYTES]
