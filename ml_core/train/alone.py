"""The meeting of ranks on one machine, of which nobody else hears.

torch's own meetings open a port on all addresses, and `c10d` unpickles what stands there. The
launcher of one machine meets nobody but itself: what it notes down stays in its own memory.
"""

from __future__ import annotations

from torch.distributed import HashStore  # type: ignore[attr-defined]  # it is public
from torch.distributed.elastic.rendezvous import (
    RendezvousHandler,
    RendezvousInfo,
    RendezvousParameters,
    RendezvousStoreInfo,
    rendezvous_handler_registry,
)

BACKEND = "alone"


class Meeting(RendezvousHandler):
    """A meeting of one launcher, as often as it begins its ranks."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._is_closed = False

    def get_backend(self) -> str:
        """Return the name that the launcher asked for."""
        return BACKEND

    @property
    def use_agent_store(self) -> bool:
        """Tell the ranks that there is no store of the launcher: they meet by a file."""
        return False

    def next_rendezvous(self) -> RendezvousInfo:
        """Return the place of the one launcher, with nothing left over from ranks before."""
        nowhere = RendezvousStoreInfo("127.0.0.1", 0)
        return RendezvousInfo(HashStore(), 0, 1, nowhere)

    def is_closed(self) -> bool:
        """Tell whether the work is over."""
        return self._is_closed

    def set_closed(self) -> None:
        """End the work."""
        self._is_closed = True

    def num_nodes_waiting(self) -> int:
        """Return 0: nobody else can come."""
        return 0

    def get_run_id(self) -> str:
        """Return the name of the work."""
        return self._run_id

    def shutdown(self) -> bool:
        """End the work; there is nothing to close."""
        self.set_closed()
        return True


def offer() -> str:
    """Make the meeting known to torch's launcher, and return the name to ask for."""
    rendezvous_handler_registry.register(BACKEND, _meeting)
    return BACKEND


def _meeting(wish: RendezvousParameters) -> Meeting:
    return Meeting(wish.run_id)
