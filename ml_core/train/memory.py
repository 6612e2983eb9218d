"""How a process that learns asks the system for memory."""

from __future__ import annotations

import ctypes
import sys

# malloc.h of the GNU C library
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
TRIM_ABOVE, ASK_AHEAD = 2**31 - 1, 256 * 2**20


def keep_freed_memory() -> bool:
    """Make the GNU C library keep what is freed for the next step, and tell whether it does.

    A step of a network frees and asks for the same large blocks again and again. Left alone,
    the library gives each back to the kernel, which clears it again before the next use; keeping
    them makes a step of the casting detector a third faster. Only for a process that ends soon.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    wanted = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, TRIM_ABOVE), (M_TOP_PAD, ASK_AHEAD))
    return all(bool(mallopt(name, value)) for name, value in wanted)
