"""Training by several ranks: torch's elastic launcher on each machine, and one voice.

A rank that dies ends the group, and the launcher begins it again from the last checkpoint.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_core.errors import ConfigError, DeviceError, JobError
from ml_core.tracking.events import Event, relay
from ml_core.train import rank
from ml_core.train.launch import as_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch.distributed.launcher.api import LaunchConfig

    from ml_core.tracking.run import Run
    from ml_core.train.options import Ranks

POLL_S = 0.1
MEETING_S = 900  # for the machines to come together


def run_ranks(target: str, payload: Any, *, run: Run, ranks: Ranks) -> Any:
    """Call `function(payload, run)` on each rank and return what the first one returns.

    `target` is "module:function"; payload and result are plain JSON. Returns None on machines
    that do not have the first rank. `run` hears the first rank only, each figure once.

    Raises: DataError, CancelledError, ModelError and their like: as the function raised them.
        ConfigError, DeviceError: if there cannot be such ranks. JobError: if ranks kept dying.
    """
    _require_room(ranks)
    with tempfile.TemporaryDirectory(prefix="assay-ranks-") as name:
        folder = Path(name)
        kept = run.checkpoint("network")
        work = {
            "target": target, "payload": payload, "seed": run.seed, "folder": name,
            "checkpoints": str(kept.parent if kept else folder), "device": ranks.device,
            "alone": ranks.nodes == 1, "parent": os.getpid(),
        }  # fmt: skip
        launch = _Launch(_config(ranks, folder), json.dumps(work))
        try:
            _follow(launch, folder, run)
        finally:
            (folder / rank.STOP).touch()  # or this process could not end before the ranks do
            launch.join()
        return _verdict(launch, folder, ranks)


@dataclass(slots=True)
class _Launch:
    """The launcher in a thread of its own, since it would take this process' signals."""

    config: LaunchConfig
    text: str
    errors: list[Exception] = field(default_factory=list)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def join(self) -> None:
        self.thread.join()

    def _work(self) -> None:
        from torch.distributed.launcher.api import elastic_launch  # noqa: PLC0415  torch is heavy

        try:
            elastic_launch(self.config, rank.main)(self.text)
        except Exception as error:  # noqa: BLE001  told by the thread that waits
            self.errors.append(error)


def _follow(launch: _Launch, folder: Path, run: Run) -> None:
    """Repeat what the first rank says, and pass on the wish to stop."""
    listen, hearing = relay(run), _Hearing(folder)
    is_over = False
    while not is_over:
        is_over = not launch.thread.is_alive()  # asked before reading, so that all is read
        if run.cancelled():
            (folder / rank.STOP).touch()
        events = list(hearing.news())
        for event in events:
            listen(event)
        time.sleep(0 if is_over or events else POLL_S)


@dataclass(slots=True)
class _Hearing:
    """What the first rank has said, in each attempt of the group from its beginning."""

    folder: Path
    attempt: int = 0
    place: int = 0
    told: Counter[tuple[str, int]] = field(default_factory=Counter)
    said: Counter[tuple[str, int]] = field(default_factory=Counter)

    def news(self) -> Iterator[Event]:
        """Yield what was not said before, perhaps in an attempt that a lost rank has ended."""
        while True:
            has_next = self._file(self.attempt + 1).exists()
            yield from filter(self._is_new, self._read())
            if not has_next:
                return
            self.attempt, self.place = self.attempt + 1, 0
            self.said.clear()

    def _file(self, attempt: int) -> Path:
        return self.folder / rank.EVENTS.format(attempt)

    def _read(self) -> list[Event]:
        """Return the whole lines since the last time; a rank may have died within one."""
        if not self._file(self.attempt).exists():
            return []
        with self._file(self.attempt).open("rb") as file:
            file.seek(self.place)
            text = file.read()
        text = text[: text.rfind(b"\n") + 1]
        self.place += len(text)
        return [Event(**json.loads(line)) for line in text.splitlines()]

    def _is_new(self, event: Event) -> bool:
        if event.kind != "metric" or event.data["step"] is None:
            return True
        key = (event.data["name"], event.data["step"])
        self.said[key] += 1
        is_new = self.said[key] > self.told[key]
        self.told[key] = max(self.told[key], self.said[key])
        return is_new


def _verdict(launch: _Launch, folder: Path, ranks: Ranks) -> Any:
    with suppress(FileNotFoundError):
        verdict = json.loads((folder / rank.VERDICT).read_text(encoding="utf-8"))
        if verdict["kind"] == "error":
            raise as_error(verdict["data"])
        return verdict["data"]
    if launch.errors or not ranks.node:
        raise _lost(launch.errors)
    return None


def _lost(errors: list[Exception]) -> JobError:
    failures = getattr(errors[0], "failures", {}) if errors else {}
    first = min(failures.values(), key=lambda one: one.timestamp, default=None)
    said = first.message if first else str(*errors)
    said = said.get("message", "") if isinstance(said, dict) else said
    reason = said.strip().splitlines()[-1][-300:] if said.strip() else "no word"
    message = (
        f"A rank must end its part of the training. Got, again and again: {reason}. "
        "If memory was short, choose fewer ranks or smaller batches."
    )
    return JobError(message, permanent=True)


def _require_room(ranks: Ranks) -> None:
    import torch  # noqa: PLC0415  heavy

    if ranks.device == "cuda" and torch.cuda.device_count() < ranks.here:
        message = (
            f"Each rank must have a graphics card. Got {torch.cuda.device_count()} for "
            f"{ranks.here} ranks. Choose fewer ranks, or train on processors."
        )
        raise DeviceError(message)
    if ranks.nodes > 1 and not ranks.rendezvous:
        message = "Several machines must have a place to meet. Got none. Say rendezvous=host:port."
        raise ConfigError(message)


def _config(ranks: Ranks, folder: Path) -> LaunchConfig:
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs  # noqa: PLC0415
    from torch.distributed.launcher.api import LaunchConfig  # noqa: PLC0415

    from ml_core.train import alone  # noqa: PLC0415  it needs torch

    is_alone = ranks.nodes == 1
    return LaunchConfig(
        min_nodes=ranks.nodes, max_nodes=ranks.nodes, nproc_per_node=ranks.here,
        run_id="assay",  # machines must call the meeting by one name
        rdzv_backend=alone.offer() if is_alone else "static",
        rdzv_endpoint=ranks.rendezvous,
        rdzv_configs={} if is_alone else {"timeout": MEETING_S, "rank": ranks.node},
        local_addr="127.0.0.1" if is_alone else None,
        max_restarts=ranks.restarts, monitor_interval=POLL_S,
        logs_specs=DefaultLogsSpecs(log_dir=str(folder)),
    )  # fmt: skip
