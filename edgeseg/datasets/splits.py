"""Splits for training, validation and test, decided by the content of each image alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from edgeseg.errors import InvalidParameterError

NAMES = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Shares of training, validation and test, and the seed that deals images to them.

    An image stays in its split when others come or go, and copies of it fall into the same one.
    """

    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    seed: int = 0

    def of(self, sha256: str) -> str:
        """Return the split of an image with this SHA-256, in hexadecimal digits."""
        digest = hashlib.sha256(f"{self.seed}:{sha256}".encode()).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
        for name, share in zip(NAMES, self.shares, strict=True):
            if place < share:
                return name
            place -= share
        # What rounding leaves belongs to the last split that takes any.
        return next(
            name for name, share in zip(NAMES[::-1], self.shares[::-1], strict=True) if share
        )


def parse_shares(text: str) -> tuple[float, float, float]:
    """Read shares, as in ``0.8,0.1,0.1`` or ``80,20``; what is left out is nothing.

    Raises InvalidParameterError for anything but up to three numbers from 0, some above.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    total = sum(numbers)
    is_sum = 0 < total < float("inf")
    if not 1 <= len(numbers) <= 3 or not is_sum or min(numbers) < 0:
        raise InvalidParameterError(
            f"--split: expected shares of train, val and test such as 0.8,0.1,0.1, got {text!r}."
        )
    train, val, test = (number / total for number in [*numbers, 0.0, 0.0][:3])
    return train, val, test
