"""A simplifier that asks a language model once, lets it repair its answer once, or does without."""

from __future__ import annotations

import logging

from edgeseg.engines.base import ran
from edgeseg.engines.llm.answer import Answer, AnswerError, read_answer
from edgeseg.engines.llm.chat import ChatModel, ask
from edgeseg.engines.llm.conversation import opening
from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.errors import EngineError
from edgeseg.language.phrases import join_phrases, split_dots, tidy, words
from edgeseg.language.questions import names_a_thing
from edgeseg.schemas import Simplification
from edgeseg.types import Image

log = logging.getLogger(__name__)
# A prompt of such short pieces names its things; a model could only make it worse.
_PLAIN_WORDS = 3


class LanguageSimplifier:
    """Turns prompts into phrases and filters by a language model, read strictly.

    Where the model fails, refuses, or answers twice in another form than asked for, the nano
    simplifier answers in its place, and a warning says so.
    """

    def __init__(self, model: ChatModel) -> None:
        self.name = model.name
        self.device = model.device
        self.dtype = model.dtype
        self.accepts_image = model.accepts_image
        self._model: ChatModel | None = model
        self._nano = NanoSimplifier()

    def simplify(self, prompt: str, image: Image | None = None) -> Simplification:
        """Return phrases and filters; a prompt that names its things passes unchanged, unasked."""
        if self._model is None:
            raise RuntimeError("LanguageSimplifier: used after close()")
        plain = self._nano.simplify(prompt).model_copy(update={"engine": ran(self._nano)})
        if not plain.changed and _is_plain(prompt):
            return plain
        try:
            messages = opening(prompt, image if self.accepts_image else None)
            answer = ask(self._model, messages, read_answer)
        except (EngineError, AnswerError) as error:
            detail = error.detail if isinstance(error, EngineError) else f"{error}."
            # No answer is logged: it may repeat what a person wrote.
            log.info("%s did not simplify: %s", self.name, detail)
            warning = f"The language model did not answer as asked, so rules did: {detail}"
            return plain.model_copy(update={"warnings": [*plain.warnings, warning]})
        return _simplification(plain, answer, self.name)

    def close(self) -> None:
        """Free the model."""
        if self._model is not None:
            self._model.close()
            self._nano.close()
        self._model = None


def _is_plain(prompt: str) -> bool:
    pieces = split_dots(prompt)
    return bool(pieces) and all(
        piece.isascii() and len(words(piece)) <= _PLAIN_WORDS and names_a_thing(piece)
        for piece in pieces
    )


def _simplification(plain: Simplification, answer: Answer, name: str) -> Simplification:
    """Make the result from an answer, where ``plain`` is what rules make of the same prompt."""
    prompt = plain.prompt
    own = [tidy(piece).casefold() for piece in split_dots(prompt)]
    same = own == [phrase.casefold() for phrase in answer.phrases] and not answer.filters
    # What answers a need may have several names; things in other words are things of their own.
    ideas = [phrase for phrase in answer.phrases if phrase.casefold() not in prompt.casefold()]
    is_need = bool(plain.alternatives) and len(ideas) > 1
    return Simplification(
        prompt=prompt,
        simplified_prompt=prompt if same else join_phrases(answer.phrases),
        phrases=list(answer.phrases),
        alternatives=ideas if is_need else [],
        filters=list(answer.filters),
        changed=not same,
        reason="The prompt already names what to find." if same else f"Read by {name}.",
    )
