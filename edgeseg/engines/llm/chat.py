"""A language model as its askers see it, and how it is asked: once, and once more to repair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from edgeseg.engines.llm.answer import AnswerError
from edgeseg.engines.llm.conversation import Message, repair

AnswerT = TypeVar("AnswerT")


class ChatModel(Protocol):
    """A language model; ``accepts_image`` says whether images are shown to it."""

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    @property
    def accepts_image(self) -> bool: ...

    def answer(self, turns: list[Message]) -> str:
        """Return what it says next; raises EngineError when it cannot, with a sentence why."""

    def close(self) -> None:
        """Free it; calling this again does nothing."""


def ask(model: ChatModel, messages: list[Message], read: Callable[[str], AnswerT]) -> AnswerT:
    """Return the model's answer as ``read`` takes it; what cannot be read it may repair once.

    Raises the AnswerError of a second answer that cannot be read, and what `ChatModel.answer`
    raises.
    """
    said = model.answer(messages)
    try:
        return read(said)
    except AnswerError as error:
        return read(model.answer(repair(messages, said, str(error))))
