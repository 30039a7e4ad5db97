"""How memory that a step of training frees is kept for the next one."""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

# mallopt's numbers in glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_BLOCK_BYTES = 2**30


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Let this process keep what it frees; returns whether its C library does so.

    A step on a CPU takes and frees maps of many megabytes. glibc gives these back to the system
    at once, and every page that comes anew costs a fault: a tenth of the time of a step.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    asked = {_MMAP_THRESHOLD: _BLOCK_BYTES, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 2**26}
    return all(mallopt(name, value) for name, value in asked.items())
