"""How processes are called in the rows of jobs."""

from __future__ import annotations

import socket


def worker_name(process: int) -> str:
    """Name a process of this machine as the rows of its jobs do."""
    return f"{socket.gethostname()}:{process}"[-120:]
