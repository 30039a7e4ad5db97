"""Calls of several requests to one engine, answered together by its `detect_many` and others.

    request 1   asks to detect in its image ---+
    request 2   asks to detect in its image ---+--> detect_many([...]) --> each goes on from there
    request 3   asks to detect in its image ---+

Each request runs its stage with a BatchMember in place of the engine. A call that has no answer yet
ends the stage; when all have asked, they are answered together and the stages begin anew, this time
with the answers. What a stage does before its first call is cheap.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, cast

from edgeseg.engines.base import DetectCall, Engine, SegmentCall, SimplifyCall
from edgeseg.memory_errors import is_memory_error
from edgeseg.settings import Role
from edgeseg.types import Detections, Embedding, Image, MaskPrompt, Masks

# Later calls of a stage, on its tiles say, are those of few requests and go to the engine alone.
MAX_ROUNDS = 2
_METHODS: dict[Role, tuple[str, ...]] = {
    "simplify": ("simplify",),
    "detect": ("detect",),
    "segment": ("embed", "segment"),
}


class BatchSize:
    """How many calls one engine answers together: fewer once memory has run out.

    After a batch that did not fit at most half of it is tried, and one more after each
    ``patience`` batches of the full size; where that was too many, the patience doubles.
    """

    MAX_PATIENCE = 512

    def __init__(self, patience: int = 16) -> None:
        self.limit: int | None = None
        self._patience = patience
        self._good = 0
        self._has_grown = False

    def within(self, count: int) -> int:
        """Return how many of so many calls may run together."""
        return count if self.limit is None else min(count, self.limit)

    def ran_out(self, count: int) -> None:
        """Note that there was not enough memory for so many together."""
        if self._has_grown:
            self._patience = min(2 * self._patience, self.MAX_PATIENCE)
        self.limit, self._good, self._has_grown = max(1, count // 2), 0, False

    def ran(self, count: int) -> None:
        """Note that so many were answered together."""
        if self.limit is None or count < self.limit:
            return
        self._good += 1
        if self._good >= self._patience:
            self.limit, self._good, self._has_grown = self.limit + 1, 0, True


def can_batch(role: Role, engine: Engine) -> bool:
    """Say whether an engine answers several requests for a stage at once."""
    return any(_many(engine, method) is not None for method in _METHODS.get(role, ()))


class UnansweredError(BaseException):
    """A stage has made a call that is to be answered together with those of others.

    No Exception, so that nothing between here and the batch takes it for a failure.
    """


class BatchMember:
    """The engine as one request of a batch sees it: the same, but for calls that are batched."""

    def __init__(self, engine: Engine) -> None:
        self.unwrapped = engine
        self.share_ms = 0.0
        self._answers: dict[Hashable, Any] = {}
        self._pending: tuple[str, Hashable, Any] | None = None
        self._rounds = 0
        self._segmented = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unwrapped, name)

    def begin(self) -> None:
        """Say that the stage begins, for the first time or anew."""
        self._segmented = 0

    def simplify(self, prompt: str, image: Image | None = None) -> Any:
        """As the engine does."""
        key = ("simplify", prompt, image and image.sha256)
        engine = cast(Any, self.unwrapped)
        return self._ask(key, SimplifyCall(prompt, image), lambda: engine.simplify(prompt, image))

    def detect(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> Detections:
        """As the engine does."""
        call = DetectCall(image, tuple(phrases), box_threshold, text_threshold)
        key = ("detect", image.sha256, call.phrases, box_threshold, text_threshold)
        return cast(Detections, self._ask(key, call, lambda: call.alone(self.unwrapped)))

    def embed(self, image: Image) -> Embedding:
        """As the engine does."""
        engine = cast(Any, self.unwrapped)
        answer = self._ask(("embed", image.sha256), image, lambda: engine.embed(image))
        return cast(Embedding, answer)

    def segment(self, embedding: Embedding, prompts: Sequence[MaskPrompt]) -> Masks:
        """As the engine does."""
        # Prompts have no name; a stage that begins anew asks for the same ones in the same order.
        self._segmented += 1
        engine = cast(Any, self.unwrapped)
        answer = self._ask(
            ("segment", self._segmented),
            SegmentCall(embedding, tuple(prompts)),
            lambda: engine.segment(embedding, prompts),
        )
        return cast(Masks, answer)

    def _ask(self, key: tuple[Any, ...], call: Any, alone: Callable[[], Any]) -> Any:
        if key not in self._answers:
            method = key[0]
            if _many(self.unwrapped, method) is not None and self._rounds < MAX_ROUNDS:
                self._pending = (method, key, call)
                raise UnansweredError
            self._answers[key] = alone()
        answer = self._answers[key]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def pending(self) -> tuple[str, Hashable, Any]:
        """The call that waits for its answer: method, key and call."""
        assert self._pending is not None
        return self._pending

    def answer(self, value: Any, share_ms: float) -> None:
        """Answer the call that waits, with a value or an exception to raise."""
        self._answers[self.pending[1]] = value
        self._pending = None
        self._rounds += 1
        self.share_ms += share_ms


def answer_all(engine: Engine, members: Sequence[BatchMember], size: BatchSize) -> None:
    """Answer the waiting calls of the members, those of one method together as far as they fit."""
    by_method: dict[str, list[BatchMember]] = defaultdict(list)
    for member in members:
        by_method[member.pending[0]].append(member)
    for method, group in by_method.items():
        began = time.perf_counter()
        many = cast(Callable[[Sequence[Any]], list[Any]], _many(engine, method))
        answers = _answers(many, [member.pending[2] for member in group], size)
        share_ms = (time.perf_counter() - began) * 1000 / len(group)
        for member, answer in zip(group, answers, strict=True):
            member.answer(answer, share_ms)


def _answers(
    many: Callable[[Sequence[Any]], list[Any]], calls: Sequence[Any], size: BatchSize
) -> list[Any]:
    """Return an answer or an exception for each call; a batch that fails is halved.

    So a batch that is too large for the memory still runs, and what an engine cannot bear fails
    alone.
    """
    first = size.within(len(calls))
    if first == len(calls):
        try:
            answers = list(many(calls))
        except Exception as error:
            if len(calls) == 1:
                return [error]
            if is_memory_error(error):
                size.ran_out(len(calls))
            first = len(calls) // 2
        else:
            size.ran(len(calls))
            return answers
    return [*_answers(many, calls[:first], size), *_answers(many, calls[first:], size)]


def _many(engine: Engine, method: str) -> Callable[[Sequence[Any]], list[Any]] | None:
    if not getattr(engine, "answers_many", True):
        return None
    return getattr(engine, f"{method}_many", None)
