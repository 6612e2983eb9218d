"""Services inside the walls that wrap data keys and never show their own.

Unwrapped data keys are remembered for some minutes, so that a page of pictures does not ask
hundreds of times; after that the service decides again.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from ml_core.errors import ConfigError, IntegrityError
from ml_core.security.keys import Wrapped, changed_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT_S = 10.0
REMEMBER_S = 300.0
MOST_REMEMBERED = 2048
LONGEST_ANSWER = 1 << 20
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Service(Protocol):
    """What a service must be able to do; ids of keys begin with `prefix` and tell the version."""

    @property
    def prefix(self) -> str:
        """How the ids of its keys begin."""
        ...

    def newest(self) -> str:
        """Return the id of the key that wraps now."""
        ...

    def wrap(self, data_key: bytes, bound: bytes) -> Wrapped:
        """Wrap by the newest key."""
        ...

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """Unwrap by the key that is named."""
        ...


class KmsKeys:
    """A service as a source of keys, with a short memory."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._known: OrderedDict[tuple[Wrapped, bytes], tuple[float, bytes]] = OrderedDict()
        self._newest = (float("-inf"), "")
        self._lock = Lock()

    @property
    def current(self) -> str:
        """Id of the newest key; asked again each minute."""
        asked_at, name = self._newest
        if time.monotonic() - asked_at > REMEMBER_S / 5:
            name = self.service.newest()
            self._newest = (time.monotonic(), name)
        return name

    def knows(self, key_id: str) -> bool:
        """Tell whether the name is one of this service."""
        return key_id.startswith(self.service.prefix)

    def wrap(self, data_key: bytes, bound: bytes) -> Wrapped:
        """Ask the service to wrap."""
        wrapped = self.service.wrap(data_key, bound)
        self._newest = (time.monotonic(), wrapped.key_id)
        return wrapped

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """Return a data key, from memory or from the service."""
        place, now = (wrapped, bound), time.monotonic()
        with self._lock:
            at, data_key = self._known.get(place, (float("-inf"), b""))
        if now - at < REMEMBER_S:
            return data_key
        data_key = self.service.unwrap(wrapped, bound)
        with self._lock:
            self._known[place] = (now, data_key)
            while len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return data_key

    def secret(self, key_id: str) -> bytes | None:  # noqa: ARG002  it never shows one
        """Return nothing."""
        return None


@dataclass(frozen=True)
class Vault:
    """The transit engine of HashiCorp Vault or OpenBao, by HTTP or a Unix socket.

    `address` is https://host:port, http:// on this machine only, or unix:/path; `key` is
    "mount/name" of a key of the type aes256-gcm96.
    Source: https://developer.hashicorp.com/vault/api-docs/secret/transit
    """

    address: str
    key: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.address)
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not (local or (parts.scheme == "https" and parts.hostname) or parts.scheme == "unix"):
            message = (
                "ASSAY_KMS_ADDRESS must be https://host:port, unix:/path, or http:// on this "
                f"machine. Got {self.address!r}. A token shall not cross a network in the clear."
            )
            raise ConfigError(message)
        mount, _, name = self.key.rpartition("/")
        if not mount or not name:
            message = (
                f"ASSAY_KMS_KEY must be the mount and the name of a key. Got {self.key!r}. "
                "Write it like transit/assay."
            )
            raise ConfigError(message)

    @property
    def prefix(self) -> str:
        """How names of its keys begin."""
        return f"vault:{self.key}:"

    def newest(self) -> str:
        """Ask for the newest version of the key."""
        return f"{self.prefix}v{int(self._ask('GET', 'keys')['latest_version'])}"

    def wrap(self, data_key: bytes, bound: bytes) -> Wrapped:
        """Encrypt a data key."""
        said = {"plaintext": _text(data_key), "associated_data": _text(bound)}
        told = str(self._ask("POST", "encrypt", said)["ciphertext"])
        return Wrapped(self.prefix + told.split(":")[1], told.encode())

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """Decrypt a data key."""
        said = {"ciphertext": wrapped.data.decode("ascii", errors="replace"),
                "associated_data": _text(bound)}  # fmt: skip
        try:
            return base64.b64decode(self._ask("POST", "decrypt", said)["plaintext"])
        except _RefusedError as error:
            raise changed_key(wrapped.key_id) from error

    def _ask(
        self, method: str, what: str, said: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        mount, _, name = self.key.rpartition("/")
        path = f"/v1/{mount}/{what}/{urllib.parse.quote(name)}"
        body = None if said is None else json.dumps(said).encode()
        try:
            status, answer = self._send(method, path, body)
            if status == 400 and what == "decrypt":  # Vault's word for bytes that do not open
                raise _RefusedError("The service refused the wrapped key.")
            found: Mapping[str, Any] = json.loads(answer)["data"] if status < 300 else {}
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise _silent(type(error).__name__) from error
        if status >= 300:
            raise _silent(f"the status {status}")
        return found

    def _send(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        parts = urllib.parse.urlsplit(self.address)
        kinds = {"https": http.client.HTTPSConnection, "http": http.client.HTTPConnection}
        link = (
            _UnixConnection(parts.path)
            if parts.scheme == "unix"
            else kinds[parts.scheme](str(parts.hostname), parts.port, timeout=TIMEOUT_S)
        )
        head = {"X-Vault-Token": self.token, "X-Vault-Request": "true"}
        try:
            link.request(method, path, body, head)
            answer = link.getresponse()
            return answer.status, answer.read(LONGEST_ANSWER)
        finally:
            link.close()


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket of this machine."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Command:
    """A program that is called as `program current|wrap|unwrap`, for any other service.

    It reads {"key", "data", "bound"} as JSON (base64 where bytes) and answers {"key", "data"};
    `current` reads {} and answers {"key"}. Exit code 2 says that the data do not open.
    """

    words: Sequence[str]
    prefix: str = "command:"

    def newest(self) -> str:
        """Ask for the id of the newest key."""
        return self.prefix + str(self._call("current", {})["key"])

    def wrap(self, data_key: bytes, bound: bytes) -> Wrapped:
        """Have a data key wrapped."""
        told = self._call("wrap", {"data": _text(data_key), "bound": _text(bound)})
        return Wrapped(self.prefix + str(told["key"]), _bytes(told["data"]))

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """Have a data key unwrapped."""
        said = {"key": wrapped.key_id.removeprefix(self.prefix), "data": _text(wrapped.data),
                "bound": _text(bound)}  # fmt: skip
        try:
            return _bytes(self._call("unwrap", said)["data"])
        except _RefusedError as error:
            raise changed_key(wrapped.key_id) from error

    def _call(self, what: str, said: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            done = subprocess.run(  # noqa: S603  the operator has named it
                [*self.words, what],
                input=json.dumps(said).encode(),
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _silent(type(error).__name__) from error
        if done.returncode == 2 and what == "unwrap":
            raise _RefusedError("The program refused the wrapped key.")
        if done.returncode:
            raise _silent(f"the exit code {done.returncode}")
        try:
            found = json.loads(done.stdout)
            _ = found["key"] if what != "unwrap" else found["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise _silent("no answer that can be read") from error
        return dict(found)


class _RefusedError(IntegrityError):
    """The service lives, and says that these bytes do not open."""


def _silent(got: str) -> ConfigError:
    return ConfigError(
        f"The key service must answer. Got {got}. Nothing was changed. Start it, or correct the "
        "settings that begin with ASSAY_KMS; files can be read again once it answers."
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as error:
        raise _silent("data that is not base64") from error
