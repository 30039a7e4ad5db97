"""Grounding DINO from its authors' checkpoints, by groundingdino-py: boxes for phrases.

For files such as groundingdino_swint_ogc.pth and what is trained from them. The package is made for
older versions of transformers; what it misses of them is given to it here.
"""

from __future__ import annotations

import json
import math
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from edgeseg.engines.base import Detector, EngineOptions
from edgeseg.engines.grounding_dino.base import CaptionDetector, ForwardOutput
from edgeseg.engines.sam.base import normalised
from edgeseg.engines.torch import deformable
from edgeseg.engines.torch.hf import import_transformers
from edgeseg.engines.torch.placement import Placement, read_tensors
from edgeseg.errors import EngineUnavailableError
from edgeseg.types import Image

BACKBONES = {
    "grounding-dino-original-tiny": "swin_T_224_1k",
    "grounding-dino-original-base": "swin_B_384_22k",
}
# The published configuration of both models, of which it uses these fields.
CONFIG: dict[str, Any] = {
    "position_embedding": "sine",
    "pe_temperatureH": 20,
    "pe_temperatureW": 20,
    "return_interm_indices": [1, 2, 3],
    "backbone_freeze_keywords": None,
    "enc_layers": 6,
    "dec_layers": 6,
    "pre_norm": False,
    "dim_feedforward": 2048,
    "hidden_dim": 256,
    "dropout": 0.0,
    "nheads": 8,
    "num_queries": 900,
    "query_dim": 4,
    "num_patterns": 0,
    "num_feature_levels": 4,
    "enc_n_points": 4,
    "dec_n_points": 4,
    "two_stage_type": "standard",
    "two_stage_bbox_embed_share": False,
    "two_stage_class_embed_share": False,
    "transformer_activation": "relu",
    "dec_pred_bbox_embed_share": True,
    "dn_box_noise_scale": 1.0,
    "dn_label_noise_ratio": 0.5,
    "dn_label_coef": 1.0,
    "dn_bbox_coef": 1.0,
    "embed_init_tgt": True,
    "dn_labelbook_size": 2000,
    "max_text_len": 256,
    "use_text_enhancer": True,
    "use_fusion_layer": True,
    # Recomputes what training would keep; nothing to keep here.
    "use_checkpoint": False,
    "use_transformer_ckpt": False,
    "use_text_cross_attention": True,
    "text_dropout": 0.0,
    "fusion_dropout": 0.0,
    "fusion_droppath": 0.1,
    "sub_sentence_present": True,
}
EDGES = (800, 1333)
STRIDES = (8, 16, 32, 64)
_building = threading.Lock()


def load(options: EngineOptions) -> Detector:
    """Build a detector from a checkpoint, and a folder with BERT's configuration and vocabulary.

    A file ``model.json`` beside the checkpoint changes fields of the configuration.
    """
    checkpoint, bert = options.weights
    config = {**CONFIG, "backbone": BACKBONES[options.name], "edges": EDGES}
    own = checkpoint.with_name("model.json")
    if own.is_file():
        config |= json.loads(own.read_text(encoding="utf-8"))
    model = build(config, bert)
    load_weights(model, checkpoint)
    placement = Placement.from_options(options, half=False)
    return OriginalGroundingDino(options.name, placement, model, config["edges"])


class OriginalGroundingDino(CaptionDetector):
    """The authors' own model; ``edges`` are the shorter side that it sees and the longest."""

    def __init__(self, name: str, placement: Placement, model: Any, edges: tuple[int, int]) -> None:
        super().__init__(name, placement, model, model.tokenizer, int(model.max_text_len))
        self._edges = edges

    def prepare(self, image: Image) -> Any:
        """Return (1, 3, h, w) pixels, scaled to the shorter side."""
        shorter, longest = self._edges
        scale = min(shorter / min(image.size_hw), longest / max(image.size_hw))
        # The model takes its queries from the cells of the image: there must be enough of them.
        while cells(size := scaled(image.size_hw, scale)) < int(self.model.num_queries):
            scale *= 1.1
        return normalised(image, size, self.placement.device)

    def forward(self, pixels: Any, text: str) -> ForwardOutput:
        """Run the model on one caption."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            output = self.model(pixels, captions=[text])
        boxes, logits = output["pred_boxes"][0].float(), output["pred_logits"][0].float()
        return boxes.cpu().numpy(), logits.sigmoid().cpu().numpy()


def scaled(size_hw: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return the size in whole pixels, at least 1."""
    return max(1, int(size_hw[0] * scale)), max(1, int(size_hw[1] * scale))


def cells(size_hw: tuple[int, int]) -> int:
    """Return how many cells an image has over the four levels."""
    return sum(math.ceil(size_hw[0] / s) * math.ceil(size_hw[1] / s) for s in STRIDES)


class BertReader(nn.Module):
    """BERT with a mask of its own for every pair of tokens, so that phrases do not mix."""

    def __init__(self, bert_model: Any) -> None:
        super().__init__()
        self.config = bert_model.config
        self.embeddings, self.encoder = bert_model.embeddings, bert_model.encoder
        self.pooler = bert_model.pooler

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Return "last_hidden_state" (B, T, D); the mask is (B, T, T) or (B, T), 1 for seen."""
        words = self.embeddings(
            input_ids=input_ids, token_type_ids=token_type_ids, position_ids=position_ids
        )
        visible = (
            attention_mask[:, None] if attention_mask.dim() == 3 else attention_mask[:, None, None]
        )
        hidden = (1.0 - visible.to(words.dtype)) * torch.finfo(words.dtype).min
        return {"last_hidden_state": self.encoder(words, attention_mask=hidden)[0]}


def build(config: dict[str, Any], bert: Path) -> Any:
    """Build the model without weights; ``bert`` is the folder of its text encoder."""
    transformers = import_transformers()
    with _building, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from groundingdino.models.GroundingDINO import groundingdino as package
        from groundingdino.models.GroundingDINO import ms_deform_attn
        from groundingdino.util import get_tokenlizer as texts

        # It computes the same in less memory, so it may stay.
        ms_deform_attn.multi_scale_deformable_attn_pytorch = _attend
        original = (
            package.BertModelWarper,
            texts.get_tokenlizer,
            texts.get_pretrained_language_model,
        )
        package.BertModelWarper = BertReader
        texts.get_tokenlizer = lambda _: transformers.AutoTokenizer.from_pretrained(
            bert, local_files_only=True
        )
        # Its numbers are in the checkpoint, so only its shape is needed.
        texts.get_pretrained_language_model = lambda _: transformers.BertModel(
            transformers.BertConfig.from_pretrained(bert, local_files_only=True)
        )
        try:
            described = SimpleNamespace(**config, text_encoder_type=str(bert))
            return package.build_groundingdino(described)
        finally:
            package.BertModelWarper, texts.get_tokenlizer, texts.get_pretrained_language_model = (
                original
            )


def _attend(
    values: torch.Tensor, shapes_hw: torch.Tensor, places: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    shapes = [(int(height), int(width)) for height, width in shapes_hw.tolist()]
    return deformable.attend(values, shapes, places, weights)


def load_weights(model: Any, checkpoint: Path) -> None:
    """Put a checkpoint's tensors into the model; those of training alone are left out."""
    tensors = {
        name.removeprefix("module."): tensor for name, tensor in read_tensors(checkpoint).items()
    }
    try:
        absent = model.load_state_dict(tensors, strict=False, assign=True).missing_keys
    except RuntimeError as error:
        raise EngineUnavailableError(
            f"The weights {checkpoint} are not those of this model: {str(error)[:300]}"
        ) from error
    if absent:
        raise EngineUnavailableError(
            f"The weights {checkpoint} lack {len(absent)} tensors of this model: {absent[0]} ..."
        )
