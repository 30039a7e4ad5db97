"""Errors of any library that mean that memory ran out."""

from __future__ import annotations

# What decoders and engines say that have no class of their own for it, in lower case.
_NO_MEMORY = (
    "out of memory",
    "allocate memory",
    "failed to allocate",
    "insufficient memory",
    "bad_alloc",
)


def is_memory_error(error: BaseException) -> bool:
    """Whether an error of any library means that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, OSError | RuntimeError) and any(word in text for word in _NO_MEMORY)
