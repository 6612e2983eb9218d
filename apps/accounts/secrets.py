"""Keys for small secrets in the database, derived from the one key of the installation."""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ml_core.errors import ConfigError


def fernet_key(encryption_key: str) -> bytes:
    """Derive the key for second factors from the encryption key (32 bytes, base64)."""
    try:
        raw = base64.b64decode(encryption_key, validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != 32:
        raise ConfigError(
            f"ASSAY_ENCRYPTION_KEY must be 32 bytes in base64. Got {len(raw)} bytes. "
            "Start once with `make run`, or restore the file with your secrets."
        )
    derived = HKDF(SHA256(), length=32, salt=None, info=b"assay second factor").derive(raw)
    return base64.urlsafe_b64encode(derived)
