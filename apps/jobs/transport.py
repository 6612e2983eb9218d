"""The embedded messenger: messages as files in a folder, for one machine without a broker.

It departs from kombu's file transport in two ways. A message appears whole, by a rename, so
that no worker reads half of one; and a message is taken by a rename inside the folder, so that
one worker only gets it. A message that a killed worker held is lost here; the reaper sends it
again, since the Job row is the truth.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import virtual
from kombu.utils.json import dumps, loads


class Channel(virtual.Channel):
    """Queues that are folders of numbered files."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._root = Path(self.connection.client.transport_options["folder"])

    def _folder(self, queue: str) -> Path:
        if not queue.replace(".", "").replace("-", "").replace("_", "").replace("@", "").isalnum():
            raise ValueError(f"The name of a queue must be plain. Got {queue!r}.")
        folder = self._root / queue
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        folder = self._folder(queue)
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
        draft = folder / f"{name}.draft"
        draft.write_text(dumps(message), "utf-8")
        draft.rename(folder / f"{name}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for file in self._messages(queue):
            taken = file.with_suffix(".taken")
            try:
                file.rename(taken)
            except FileNotFoundError:
                continue  # another worker was faster
            message: dict[str, Any] = loads(taken.read_text("utf-8"))
            taken.unlink()
            return message
        raise Empty

    def _messages(self, queue: str) -> list[Path]:
        return sorted(self._folder(queue).glob("*.msg"))

    def _size(self, queue: str) -> int:
        return len(self._messages(queue))

    def _purge(self, queue: str) -> int:
        files = self._messages(queue)
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)


class Transport(virtual.Transport):
    """Kombu's virtual transport over folders."""

    Channel = Channel
    implements = virtual.Transport.implements.extend(
        asynchronous=False, exchange_type=frozenset({"direct"})
    )
    driver_type = "embedded"
    driver_name = "embedded"
    default_port = None
    # Shared by all connections of a process: exchanges and bindings need no file of their own.
    global_state = virtual.BrokerState()

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.state = self.global_state

    def driver_version(self) -> str:
        return "1"
