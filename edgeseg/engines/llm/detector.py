"""A detector that asks a vision language model for boxes, as Qwen3-VL writes them.

Qwen3-VL's model card: boxes are ``bbox_2d``, four integers from 0 to 1000 of width and height.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from edgeseg.engines.llm.answer import AnswerError, bare_json, sentence_of
from edgeseg.engines.llm.chat import ChatModel, ask
from edgeseg.engines.llm.conversation import Message
from edgeseg.errors import EngineError
from edgeseg.language.inflection import singular
from edgeseg.types import Detections, Image

MAX_TOKENS = 1024
MAX_BOXES = 200
MAX_CHARS = 20_000
IMAGE_PX = 1280
BEGINNING = '{"objects": ['
SCALE = 1000
# The model gives none. Below 1, so that a threshold of 1 keeps nothing, as of any detector.
SCORE = 0.99

INSTRUCTIONS = """\
You find things in one image. Answer with one JSON object and nothing else:
{"objects": [{"label": "...", "bbox_2d": [x0, y0, x1, y1]}, ...]}
Each label is one of the labels asked for, as it is written there. Give a box for each single thing
that shows it, as tight as can be; the numbers go from 0 to 1000 of the image's width and height.
What is not in the image has no box: {"objects": []}."""


class _Object(BaseModel):
    model_config = ConfigDict(extra="ignore")

    label: str
    bbox_2d: tuple[float, float, float, float]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    objects: list[_Object] = Field(max_length=MAX_BOXES)


# Objects in braces without further braces, and an object that has begun.
_CUT = re.compile(
    r'^((?:\{\s*"objects"\s*:\s*)?\[\s*\{[^{}]*\}(?:\s*,\s*\{[^{}]*\})*)\s*,?\s*(?:\{[^{}]*)?$'
)
_ARRAY = TypeAdapter(list[_Object])


class LanguageDetector:
    """Finds boxes by asking; the model gives no scores, so each box has the same."""

    def __init__(self, model: ChatModel) -> None:
        self.name = model.name
        self.device = model.device
        self.dtype = model.dtype
        self._model: ChatModel | None = model

    def detect(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> Detections:
        """Return boxes in pixels of the image in the model's order, each with the score SCORE.

        Labels that were not asked for, and boxes outside the image or without an area, are dropped.
        Raises EngineError where the model answers twice in another form than asked for.
        """
        if self._model is None:
            raise RuntimeError("LanguageDetector: used after close()")
        wanted = {_key(phrase): phrase for phrase in reversed(phrases) if phrase.strip()}
        if not wanted or max(box_threshold, text_threshold) > SCORE:
            return Detections.empty()
        asked = f"Labels: {json.dumps(list(reversed(wanted.values())), ensure_ascii=False)}"
        messages = [Message("system", INSTRUCTIONS), Message("user", asked, image)]
        try:
            found = ask(self._model, messages, read_boxes)
        except AnswerError as error:
            raise EngineError(f"The language model did not answer as asked: {error}.") from None
        return _detections(found, wanted, image.size_hw)

    def close(self) -> None:
        """Free the model."""
        if self._model is not None:
            self._model.close()
        self._model = None


def read_boxes(said: str) -> list[_Object]:
    """Read a model's answer, an object or its array alone; raise AnswerError for anything else.

    Of an answer that ends before its array does, the whole objects are read.
    """
    bare = _closed(bare_json(said, MAX_CHARS))
    try:
        if bare.startswith("["):
            return _ARRAY.validate_json(bare)[:MAX_BOXES]
        return _Answer.model_validate_json(bare).objects
    except ValidationError as error:
        raise AnswerError(sentence_of(error)) from None


def _closed(bare: str) -> str:
    """Return an answer that was cut at the most tokens with its array closed after an object."""
    cut = _CUT.match(bare)
    if cut is None:
        return bare
    return cut[1] + ("]}" if bare.startswith("{") else "]")


def _detections(
    found: Sequence[_Object], wanted: dict[str, str], size_hw: tuple[int, int]
) -> Detections:
    height, width = size_hw
    boxes, labels = [], []
    for each in found:
        phrase = wanted.get(_key(each.label))
        x0, y0, x1, y1 = each.bbox_2d
        if phrase is None or not (0 <= x0 < x1 <= SCALE and 0 <= y0 < y1 <= SCALE):
            continue
        boxes.append([x0 * width, y0 * height, x1 * width, y1 * height])
        labels.append(phrase)
    boxes_xyxy = (np.array(boxes, np.float32).reshape(-1, 4) / SCALE).astype(np.float32)
    return Detections(boxes_xyxy, np.full(len(boxes), SCORE, np.float32), tuple(labels))


def _key(label: str) -> str:
    """Return a label without regard to case, and with its last word in the singular."""
    *before, noun = label.casefold().split() or [""]
    return " ".join([*before, singular(noun)])
