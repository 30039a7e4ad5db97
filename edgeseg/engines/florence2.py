"""Florence-2 by transformers' own class: boxes for phrases, written by a language model.

Xiao et al., "Florence-2: Advancing a Unified Representation for a Variety of Vision Tasks", 2024.
The model is asked to locate one phrase after the other, on an image that is encoded once; it writes
boxes as tokens. It has no scores of its own: a box's score is the geometric mean of the
probabilities of its four tokens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgeseg.engines.base import Detector, EngineOptions
from edgeseg.engines.grounding_dino.captions import pick
from edgeseg.engines.torch.engine import TorchEngine
from edgeseg.engines.torch.hf import as_pillow, import_transformers
from edgeseg.engines.torch.placement import Placement, in_chunks
from edgeseg.errors import EngineUnavailableError
from edgeseg.types import Detections, Image

QUESTION = "Locate {} in the image."
# Positions along each side that the model tells apart.
BINS = 1000
# Phrases that are asked together, and tokens that an answer may have.
CHUNK, MAX_TOKENS = 8, 512
Boxes = list[tuple[tuple[int, int, int, int], float]]


def load(options: EngineOptions) -> Detector:
    """Build a detector from a folder with a model, or with a LoRA adapter of one.

    An adapter is put into the weights that the engine has without it.
    """
    folder = options.weights[0]
    adapter = None
    if (folder / "adapter_config.json").is_file():
        from edgeseg.engines import registry

        adapter = folder
        folder = options.store.need(registry.find("detect", options.name).sources[0])
    return Florence2(options.name, folder, Placement.from_options(options), adapter)


class Florence2(TorchEngine):
    """Florence-2 with greedy decoding; its weights are stored in the compute dtype."""

    def __init__(
        self, name: str, folder: Path, placement: Placement, adapter: Path | None = None
    ) -> None:
        transformers = import_transformers()
        model = transformers.Florence2ForConditionalGeneration.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=placement.dtype
        )
        if adapter is not None:
            model = with_adapter(model, adapter)
        super().__init__(name, placement, model)
        self._processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)
        tokenizer = self._processor.tokenizer
        names = [f"<loc_{index}>" for index in range(BINS)]
        self._bins = {
            token: index for index, token in enumerate(tokenizer.convert_tokens_to_ids(names))
        }
        self._polygon = tuple(tokenizer.convert_tokens_to_ids(["<poly>", "</poly>"]))
        self._most = int(model.generation_config.max_new_tokens or MAX_TOKENS)

    def detect(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> Detections:
        """Return boxes in pixels of the image, best first, each once for its phrase.

        A box's score must reach both thresholds. A phrase without letters or digits finds nothing.
        """
        assert self.model is not None
        asked = [index for index, phrase in enumerate(phrases) if any(map(str.isalnum, phrase))]
        if not asked:
            return Detections.empty()
        with self.placement.inference():
            features = self._encode(image)
            answers = in_chunks(
                asked, CHUNK, lambda part: self._locate(features, [phrases[i] for i in part])
            )
        height, width = image.size_hw
        cell = np.array([width, height, width, height], np.float32) / BINS
        rows = [(box, score, at) for at, answer in enumerate(answers) for box, score in answer]
        boxes = (np.array([row[0] for row in rows], np.float32).reshape(-1, 4) + 0.5) * cell
        scores = np.zeros((len(rows), len(asked)), np.float32)
        for index, (_, score, at) in enumerate(rows):
            scores[index, at] = score
        labels = [phrases[index] for index in asked]
        threshold = max(box_threshold, text_threshold)
        return pick(boxes.astype(np.float32), scores, labels, threshold, image.size_hw)

    def _encode(self, image: Image) -> torch.Tensor:
        """(1, L, D) the image as the language model reads it."""
        pixels = self._processor.image_processor(as_pillow(image), return_tensors="pt")
        values = pixels["pixel_values"].to(self.placement.device, self.placement.dtype)
        features: torch.Tensor = self.model.get_image_features(values).pooler_output
        return features

    def _locate(self, features: torch.Tensor, phrases: Sequence[str]) -> list[Boxes]:
        """Return what the model writes of each phrase: boxes in bins, with their scores."""
        model, tokenizer = self.model, self._processor.tokenizer
        questions = [
            tokenizer.bos_token + QUESTION.format(phrase.strip(" .?")) + tokenizer.eos_token
            for phrase in phrases
        ]
        text = tokenizer(
            questions,
            return_tensors="pt",
            padding=True,
            add_special_tokens=False,
            truncation=True,
            max_length=256,
        ).to(self.placement.device)
        words = model.get_input_embeddings()(text["input_ids"])
        both = torch.cat([features.expand(len(phrases), -1, -1).to(words.dtype), words], dim=1)
        there = torch.ones(both.shape[0], features.shape[1], dtype=torch.long, device=both.device)
        mask = torch.cat([there, text["attention_mask"]], dim=1)
        read = model.get_encoder()(inputs_embeds=both, attention_mask=mask)
        output = model.generate(
            encoder_outputs=read,
            attention_mask=mask,
            max_new_tokens=self._most,
            do_sample=False,
            num_beams=1,
            output_logits=True,
            return_dict_in_generate=True,
        )
        written = output.sequences[:, 1:]
        steps = torch.stack([step.float() for step in output.logits], dim=1).log_softmax(dim=-1)
        chances = steps.gather(2, written[:, : steps.shape[1], None])[..., 0]
        return [
            boxes_in(tokens, likely, self._bins, self._polygon)
            for tokens, likely in zip(written.tolist(), chances.tolist(), strict=True)
        ]


def boxes_in(
    tokens: Sequence[int],
    log_chances: Sequence[float],
    bins: dict[int, int],
    polygon: tuple[int, ...],
) -> Boxes:
    """Read boxes out of an answer: four places each, or the bounds of a polygon's places.

    ``polygon`` are the tokens that begin and end one. A box that is cut short, or has no area, is
    left out.
    """
    boxes: Boxes = []
    places: list[tuple[int, float]] = []
    is_polygon = False
    for token, chance in [*zip(tokens, log_chances, strict=False), (-1, 0.0)]:
        if token in bins:
            places.append((bins[token], chance))
            continue
        boxes += _polygon_box(places) if is_polygon else _plain_boxes(places)
        places = []
        is_polygon = token == polygon[0] or (is_polygon and token not in polygon and token != -1)
    return [(box, score) for box, score in boxes if box[2] > box[0] and box[3] > box[1]]


def _plain_boxes(places: Sequence[tuple[int, float]]) -> Boxes:
    boxes: Boxes = []
    for start in range(0, len(places) - 3, 4):
        (x0, a), (y0, b), (x1, c), (y1, d) = places[start : start + 4]
        boxes.append(((x0, y0, x1, y1), float(np.exp((a + b + c + d) / 4))))
    return boxes


def _polygon_box(places: Sequence[tuple[int, float]]) -> Boxes:
    across, down = [at for at, _ in places[::2]], [at for at, _ in places[1::2]]
    if not down:
        return []
    score = float(np.exp(np.mean([chance for _, chance in places])))
    return [((min(across), min(down), max(across), max(down)), score)]


def with_adapter(model: Any, folder: Path) -> Any:
    """Return the model with a LoRA adapter's changes in its weights."""
    try:
        from peft import PeftModel
    except ImportError as error:
        raise EngineUnavailableError('peft is missing: pip install "edgeseg[full]"') from error
    kind = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["peft_type"]
    if not (folder / "adapter_model.safetensors").is_file():
        raise EngineUnavailableError(f"{folder}: the {kind} adapter has no .safetensors file.")
    return PeftModel.from_pretrained(model, folder, is_trainable=False).merge_and_unload()
