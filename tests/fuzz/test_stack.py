"""A short run of the fuzzing of a whole stack, with a fixed seed."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import run


@pytest.mark.timeout(240)
def test_a_short_run_finds_no_fault() -> None:
    tally, lines = run(seed=7, minutes=1.5, is_whole=False)
    assert tally.faults == [], "\n".join(lines)
    assert set(tally.requests) == {"images", "results", "rude", "kills", "schema"}
