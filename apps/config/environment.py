"""Read settings from the environment, loudly when a value cannot be meant."""

from __future__ import annotations

import os
from pathlib import Path

from ml_core.errors import ConfigError

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    """Return a variable as it is."""
    return os.environ.get(name, default)


def flag(name: str, *, default: bool = False) -> bool:
    """Return a variable that is on or off."""
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ConfigError(f"{name} must be 1 or 0. Got {value!r}. Set it to one of them.")


def whole(name: str, default: int) -> int:
    """Return a variable that is a whole number."""
    value = os.environ.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        message = f"{name} must be a whole number. Got {value!r}. Set it to one, or unset it."
        raise ConfigError(message) from None


def seconds(name: str, default: float) -> float:
    """Return a variable that is a time in seconds."""
    value = os.environ.get(name, "")
    try:
        return float(value) if value else default
    except ValueError:
        message = f"{name} must be a number of seconds. Got {value!r}. Set it to one, or unset it."
        raise ConfigError(message) from None


def names(name: str, default: str = "") -> list[str]:
    """Return a variable that is a list with commas."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def secret(name: str, kept: dict[str, str]) -> str:
    """Return a secret from NAME, from the file NAME_FILE, or from what the first start kept."""
    if os.environ.get(name):
        return os.environ[name]
    file = os.environ.get(f"{name}_FILE")
    if not file:
        return kept.get(name, "")
    try:
        return Path(file).read_text("utf-8").strip()
    except OSError as error:
        message = f"{name}_FILE must be a file that can be read. Got {file!r}: {error.strerror}."
        raise ConfigError(f"{message} Check the path and its rights.") from error


def is_given(name: str) -> bool:
    """Tell whether a secret comes from the environment, by itself or as a file."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def kept_secrets(file: Path) -> dict[str, str]:
    """Return the secrets that the first start wrote, or nothing before it."""
    if not file.is_file():
        return {}
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {key: value for key, _, value in pairs}
