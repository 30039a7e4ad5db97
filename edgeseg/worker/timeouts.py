"""The time limit of a stage: an exception that nothing inside the stage may handle."""

from __future__ import annotations

from typing import Any

from rq.timeouts import get_default_death_penalty_class


class StageTimeout(BaseException):
    """A stage took longer than is allowed.

    RQ raises its own exception anywhere inside the stage. As an Exception it would be taken for a
    broken image where one is decoded, for a failure of the engine, or for that of one request
    among several that are stepped together.
    """


class StageTimeLimit(get_default_death_penalty_class()):  # type: ignore[misc]
    """RQ's timer, raising `StageTimeout`."""

    def __init__(self, timeout: int, *_: Any, **more: Any) -> None:
        super().__init__(timeout, StageTimeout, **more)

    def __exit__(self, *raised: Any) -> Any:
        try:
            return super().__exit__(*raised)
        except StageTimeout:
            # The time was up just when the stage had ended.
            return False
