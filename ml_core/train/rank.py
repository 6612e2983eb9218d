"""One rank of a group: what torch's elastic launcher runs in each process."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.distributed import FileStore  # type: ignore[attr-defined]  # it is public
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.elastic.multiprocessing.errors import record
from torch.distributed.rendezvous import rendezvous

from ml_core.tracking.events import Event, EventRun
from ml_core.train import group
from ml_core.train.child import die_with_parent, outcome
from ml_core.train.memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS, STOP, VERDICT, MEETING = "events-{}.jsonl", "stop", "verdict.json", "meeting-{}"
# Others wait while the first validates. A rank that dies is noticed at once all the same.
PATIENCE = timedelta(hours=6)


@record
def main(text: str) -> None:
    """Do this rank's part of the work; the first one speaks, and says how it ended."""
    work = json.loads(text)
    folder = Path(work["folder"])
    if (folder / VERDICT).exists():
        return  # begun again only because others were left behind by an error
    die_with_parent()
    if os.getppid() != work["parent"]:
        return  # it died before we could ask to die with it: nobody is left to work for
    keep_freed_memory()
    _take_place(work["device"], folder if work["alone"] else None)
    try:
        verdict = outcome(work, _run(work, folder))
    except group.LeftGroup:
        verdict = {"kind": "left"}
    if verdict["kind"] == "error" or (verdict["kind"] == "result" and group.is_first()):
        _decide(folder, verdict)
    if verdict["kind"] == "error" and verdict["data"]["name"] != "CancelledError":
        # Others may wait for this rank for ever: the launcher ends them, and begins in vain.
        os._exit(1)
    dist.destroy_process_group()


def _take_place(device: str, folder: Path | None) -> None:
    """Join the group, with a share of the processors or a card of one's own.

    Ranks of one machine meet in `folder`, and no other machine can reach them.
    """
    local, n_local = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // n_local))
    backend = "gloo"
    if device == "cuda":
        torch.cuda.set_device(local)
        backend = "cpu:gloo,cuda:nccl"  # numbers are agreed upon by the one, weights by the other
    store, number, n_ranks = _meet_here(folder) if folder else _meet_machines()
    dist.init_process_group(backend, timeout=PATIENCE, store=store, rank=number, world_size=n_ranks)


def _meet_here(folder: Path) -> tuple[Store, int, int]:
    # Whatever the machine is set to: a listener on another address would be open to strangers.
    os.environ |= {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
    number, n_ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    # A file for each attempt, or the addresses of those who died would still stand in it.
    store = FileStore(str(folder / MEETING.format(_n_restarts())), n_ranks)
    store.set_timeout(PATIENCE)
    return store, number, n_ranks


def _meet_machines() -> tuple[Store, int, int]:
    store, number, n_ranks = next(rendezvous("env://", timeout=PATIENCE))
    # The launcher keeps its store over restarts, and in it the addresses of those who died.
    return PrefixStore(f"attempt {_n_restarts()}", store), number, n_ranks


def _run(work: dict[str, Any], folder: Path) -> EventRun:
    send = _writer(folder / EVENTS.format(_n_restarts())) if group.is_first() else _ignore
    stop = folder / STOP
    run = EventRun(send, work["seed"], stop.exists, Path(work["checkpoints"]))
    if n := _n_restarts():
        run.log(f"A rank was lost. All begin again from the last checkpoint, restart {n}.")
    return run


def _n_restarts() -> int:
    return int(os.environ["TORCHELASTIC_RESTART_COUNT"])


def _writer(path: Path) -> Callable[[Event], None]:
    def write(event: Event) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(event.to_line())

    return write


def _ignore(_: Event) -> None:
    """Say nothing: the first rank speaks for all."""


def _decide(folder: Path, verdict: dict[str, Any]) -> None:
    """Write how the work ended; the first word counts, and it is written whole."""
    draft = folder / f"{VERDICT}.{os.getpid()}"
    draft.write_text(json.dumps(verdict), encoding="utf-8")
    if not (folder / VERDICT).exists():
        draft.rename(folder / VERDICT)
