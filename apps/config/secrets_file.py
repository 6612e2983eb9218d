"""The file in which the first start keeps the secrets of an installation."""

from __future__ import annotations

import base64
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAD = (
    "# The secrets of this installation. Keep a copy in a safe place, apart from the data:\n"
    "# without the encryption key no dataset and no model can be read again.\n"
)


def fresh() -> dict[str, str]:
    """Make new random secrets."""
    return {
        "ASSAY_SECRET_KEY": secrets.token_urlsafe(48),
        "ASSAY_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }


def write_once(file: Path) -> bool:
    """Write new secrets, readable by their owner only; False if the file was there already."""
    text = HEAD + "".join(f"{name}={value}\n" for name, value in fresh().items())
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(draft, file)  # fails if there is one, so no key is ever overwritten
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
