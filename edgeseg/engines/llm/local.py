"""Language models that run here, by transformers: Qwen3, Qwen2.5 and their like, and Qwen3-VL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image
import torch

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.llm import detector, extractor
from edgeseg.engines.llm.conversation import Message
from edgeseg.engines.llm.detector import LanguageDetector
from edgeseg.engines.llm.extractor import LanguageExtractor
from edgeseg.engines.llm.simplifier import LanguageSimplifier
from edgeseg.engines.torch.hf import import_transformers
from edgeseg.engines.torch.placement import Placement, free
from edgeseg.errors import EngineError, EngineUnavailableError

MAX_TOKENS = 256
# Images are shown no larger than this, in pixels along the longest side.
IMAGE_PX = 640
BEGINNING = '{"phrases": ['
_EXTRACTING = {"beginning": extractor.BEGINNING, "max_tokens": extractor.MAX_TOKENS}


def text_simplifier(options: EngineOptions) -> LanguageSimplifier:
    """Build the simplifier of a causal language model."""
    return LanguageSimplifier(_model(options))


def vision_simplifier(options: EngineOptions) -> LanguageSimplifier:
    """Build the simplifier of a model that is shown the image too."""
    return LanguageSimplifier(_model(options, accepts_image=True))


def text_extractor(options: EngineOptions) -> LanguageExtractor:
    """Build the extractor of a causal language model."""
    return LanguageExtractor(_model(options, **_EXTRACTING))


def vision_extractor(options: EngineOptions) -> LanguageExtractor:
    """Build the extractor of a model that can be shown the generated image too."""
    model = _model(options, accepts_image=True, **_EXTRACTING)
    return LanguageExtractor(model, with_image=options.extract_image)


def vision_detector(options: EngineOptions) -> LanguageDetector:
    """Build the detector of a model that writes boxes."""
    return LanguageDetector(
        _model(
            options,
            accepts_image=True,
            beginning=detector.BEGINNING,
            max_tokens=detector.MAX_TOKENS,
            image_px=detector.IMAGE_PX,
        )
    )


def _model(options: EngineOptions, **how: Any) -> LocalModel:
    placement = Placement.from_options(options)
    return LocalModel(options.weights[0], placement, options.name, **how)


class LocalModel:
    """Answers by the likeliest words, until its JSON object is complete.

    ``folder`` holds a model as transformers saves it; no code in it is run. ``beginning`` is how
    every answer begins: writing it for the model keeps a small one from chatting. Images are shown
    no larger than ``image_px`` along the longest side. Raises
    EngineUnavailableError for a folder that cannot be loaded.
    """

    def __init__(
        self,
        folder: Path,
        placement: Placement,
        name: str,
        *,
        accepts_image: bool = False,
        beginning: str = BEGINNING,
        max_tokens: int = MAX_TOKENS,
        image_px: int = IMAGE_PX,
    ) -> None:
        self._beginning, self._image_px = beginning, image_px
        self.name = name
        self.device = str(placement.device)
        self.dtype = placement.dtype_name
        self.accepts_image = accepts_image
        hf = import_transformers()
        auto = hf.AutoModelForImageTextToText if accepts_image else hf.AutoModelForCausalLM
        reader = hf.AutoProcessor if accepts_image else hf.AutoTokenizer
        try:
            self._reader: Any = reader.from_pretrained(folder, local_files_only=True)
            model = auto.from_pretrained(
                folder, dtype=placement.dtype, local_files_only=True, use_safetensors=True
            )
        except (OSError, ValueError, KeyError) as error:
            first = str(error).strip().partition("\n")[0]
            raise EngineUnavailableError(
                f"The language model in {folder} cannot be loaded: {first}"
            ) from error
        self._tokenizer: Any = self._reader.tokenizer if accepts_image else self._reader
        self._model: Any = model.to(placement.device).eval()
        # A published model's own settings draw words by chance.
        ends = model.generation_config.eos_token_id or self._tokenizer.eos_token_id
        self._model.generation_config = hf.GenerationConfig(
            do_sample=False,
            max_new_tokens=max_tokens,
            eos_token_id=ends,
            pad_token_id=self._tokenizer.pad_token_id,
        )

    def answer(self, turns: Sequence[Message]) -> str:
        """Return the JSON object that it writes, as far as it comes; raises EngineError."""
        inputs = self._encode(turns)
        length = inputs["input_ids"].shape[1]
        try:
            with torch.inference_mode():
                made = self._model.generate(
                    **inputs,
                    stopping_criteria=[_Complete(self._tokenizer, length, self._beginning)],
                )
        except RuntimeError as error:
            raise EngineError(f"The language model failed: {error}") from error
        return _first_object(self._beginning + _said(self._tokenizer, made[0, length:]))

    def close(self) -> None:
        """Free the model."""
        self._model = self._reader = self._tokenizer = None
        free()

    def _encode(self, turns: Sequence[Message]) -> Any:
        spoken = [{"role": turn.speaker, "content": self._content(turn)} for turn in turns]
        # Told to templates alone that know it; transformers warns of it at others.
        knows = "enable_thinking" in str(self._reader.chat_template)
        thinking = {"enable_thinking": False} if knows else {}
        text = self._reader.apply_chat_template(
            spoken, tokenize=False, add_generation_prompt=True, **thinking
        )
        images = [_shown(turn, self._image_px) for turn in turns if turn.image is not None]
        seen = {"images": images} if self.accepts_image and images else {}
        return self._reader(text=[text + self._beginning], return_tensors="pt", **seen).to(
            self.device
        )

    def _content(self, turn: Message) -> str | list[dict[str, str]]:
        if not self.accepts_image:
            return turn.text
        text = {"type": "text", "text": turn.text}
        return [text] if turn.image is None else [{"type": "image"}, text]


class _Complete:
    """Stops where the answer is a whole JSON object, as transformers' stopping criteria do."""

    def __init__(self, tokenizer: Any, prompt_tokens: int, beginning: str) -> None:
        self._tokenizer = tokenizer
        self._beginning = beginning
        self._start = prompt_tokens

    def __call__(self, input_ids: torch.Tensor, scores: object, **kwargs: object) -> torch.Tensor:
        text = self._beginning + _said(self._tokenizer, input_ids[0, self._start :])
        done = text.rstrip().endswith("}") and _end_of_object(text) is not None
        return torch.full((len(input_ids),), done, device=input_ids.device)


def _said(tokenizer: Any, tokens: torch.Tensor) -> str:
    return str(tokenizer.decode(tokens, skip_special_tokens=True))


def _end_of_object(text: str) -> int | None:
    try:
        return json.JSONDecoder().raw_decode(text)[1]
    except json.JSONDecodeError:
        return None


def _first_object(text: str) -> str:
    """Return the object that the text begins with; all of it where there is none."""
    return text[: _end_of_object(text)]


def _shown(turn: Message, image_px: int) -> PIL.Image.Image:
    assert turn.image is not None
    pil_image = PIL.Image.fromarray(turn.image.rgb)
    pil_image.thumbnail((image_px, image_px))
    return pil_image
