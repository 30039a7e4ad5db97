"""Teachers: SAM, SAM-HQ or a larger EdgeSAM, as embeddings and as masks for prompts."""

from __future__ import annotations

import abc
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.edge_sam.letterbox import stability
from edgeseg.engines.edge_sam.mask_decoder import MASKS, MaskDecoder
from edgeseg.engines.edge_sam.model import SamModel, from_weights
from edgeseg.engines.edge_sam.prompt_encoder import INPUT_PX, PADDING, TOP_LEFT, PromptEncoder
from edgeseg.errors import InvalidParameterError
from training.edge_sam.checkpoints import start_weights
from training.edge_sam.config import TeacherOptions
from training.edge_sam.names import PARTS, from_hugging_face
from training.edge_sam.prompts import Prompts

CHECKPOINTS = (".pt", ".pth", ".safetensors")
# Of transformers' prompt encoders, what the label -2 is for ours: zeros.
_HF_IGNORED = -10


class Teacher(abc.ABC):
    """A model of SAM's shape: features of an image once, then masks for any prompts."""

    size_px: int
    """Side of its square input."""

    def __init__(self, model: nn.Module, select: str = "score") -> None:
        self.model = model.eval().requires_grad_(False)
        self._select = select

    @abc.abstractmethod
    def encode(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, size_px, size_px) normalised pixels to features, the (B, 256, G, G) map first."""

    @abc.abstractmethod
    def decode(self, features: Sequence[Tensor], prompts: Prompts) -> tuple[Tensor, Tensor]:
        """Decode N prompts on N features: (N, 4, 4G, 4G) logits and (N, 4) predicted IoUs."""

    def decoder_weights(self) -> dict[str, Tensor]:
        """Return prompt encoder and mask decoder under SAM's own names."""
        weights = self.model.state_dict()
        return {name: value for name, value in weights.items() if name.startswith(PARTS)}

    @property
    def decoding_model(self) -> nn.Module:
        """The module with the mask decoder."""
        return self.model

    @torch.no_grad()
    def masks(self, features: Sequence[Tensor], prompts: Prompts) -> tuple[Tensor, Tensor]:
        """As `decode`, without gradients, and with scores that tell the best mask."""
        logits, scores = self.decode(features, prompts)
        logits = logits.float()
        return logits, stability(logits) if self._select == "stability" else scores.float()

    def to(self, device: torch.device) -> Teacher:
        """Move the model."""
        self.model.to(device)
        return self

    def fingerprint(self) -> str:
        """Return what tells this teacher from others: SHA-256 of its input size and weights."""
        digest = hashlib.sha256(json.dumps({"size_px": self.size_px}).encode())
        for name, value in sorted(self.model.state_dict().items()):
            digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()


class EdgeSamTeacher(Teacher):
    """An EdgeSAM, as wide as the student or wider, or MobileSAM; any size of input."""

    def __init__(self, model: SamModel, size_px: int = INPUT_PX, select: str = "score") -> None:
        super().__init__(model, select)
        self._edge_sam, self.size_px = model, size_px

    def encode(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Return the map."""
        return (self._edge_sam(pixels),)

    def decode(self, features: Sequence[Tensor], prompts: Prompts) -> tuple[Tensor, Tensor]:
        """Decode by the model's own decoder."""
        return self._edge_sam.decode(features[0], prompts.points_xy, prompts.labels)


class _SamDecoder(nn.Module):
    """SAM's prompt encoder and mask decoder in our own code."""

    def __init__(self) -> None:
        super().__init__()
        self.prompt_encoder, self.mask_decoder = PromptEncoder(), MaskDecoder()


class SamTeacher(Teacher):
    """SAM by transformers; its decoder's weights in our own code, which decodes any prompts."""

    def __init__(self, engine: Any, select: str = "score") -> None:
        super().__init__(engine.model, select)
        self._engine = engine
        self.size_px = int(engine.model.config.vision_config.image_size)
        self._decoder = _SamDecoder()
        _fill(self._decoder, self.model.state_dict())
        self._decoder.eval().requires_grad_(False)

    def encode(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Return the map, and for SAM-HQ the early one that sharpens its edges."""
        return tuple(self._engine.network(pixels))

    def decode(self, features: Sequence[Tensor], prompts: Prompts) -> tuple[Tensor, Tensor]:
        """Decode by our own decoder with the teacher's weights."""
        side = features[0].shape[-1]
        encoder = self._decoder.prompt_encoder
        sparse = encoder.sparse(prompts.points_xy, prompts.labels)
        dense = encoder.dense(None, len(sparse), side)
        places = encoder.pe_layer.grid(side)
        return self._decoder.mask_decoder(features[0], places, sparse, dense)

    def decoder_weights(self) -> dict[str, Tensor]:
        """Return prompt encoder and mask decoder under SAM's own names."""
        return dict(self._decoder.state_dict())

    @property
    def decoding_model(self) -> nn.Module:
        """The module with the mask decoder."""
        return self._decoder

    def to(self, device: torch.device) -> Teacher:
        """Move both models."""
        self._decoder.to(device)
        return super().to(device)


class SamHqTeacher(SamTeacher):
    """SAM-HQ: its mask comes of its own decoder; the student starts from the plain SAM in it."""

    def decode(self, features: Sequence[Tensor], prompts: Prompts) -> tuple[Tensor, Tensor]:
        """Decode by transformers; the one mask that SAM-HQ answers with is taught to all four."""
        output = self.model(
            image_embeddings=features[0],
            intermediate_embeddings=[features[1]],
            multimask_output=not bool((prompts.labels[:, 0] == TOP_LEFT).all()),
            **hugging_face_prompts(prompts, self.size_px),
        )
        logits, scores = output.pred_masks[:, 0, :1], output.iou_scores[:, 0, :1]
        return logits.expand(-1, MASKS, -1, -1), scores.expand(-1, MASKS)


def hugging_face_prompts(prompts: Prompts, size_px: int) -> dict[str, Tensor]:
    """Return N prompts, all of them boxes or all of them points, as SAM of transformers takes them.

    Raises InvalidParameterError for boxes and points in one batch.
    """
    points, labels = prompts.points_xy * (size_px / INPUT_PX), prompts.labels
    is_box = labels[:, 0] == TOP_LEFT
    if bool(is_box.any()) != bool(is_box.all()):
        raise InvalidParameterError(
            "This teacher takes boxes or points, not both at once: set prompts.coin to batch."
        )
    arguments: dict[str, Tensor] = {}
    if bool(is_box.all()):
        arguments["input_boxes"] = points[:, None, :2].flatten(2)
        keep = torch.arange(2, labels.shape[1], device=labels.device)
    else:
        # The padding point is added there too.
        keep = torch.nonzero(labels[0] != PADDING)[:, 0]
    if len(keep):
        chosen = labels[:, keep]
        arguments["input_points"] = points[:, None, keep]
        arguments["input_labels"] = chosen.masked_fill(chosen < PADDING, _HF_IGNORED)[:, None]
    return arguments


def load_teacher(options: TeacherOptions) -> Teacher:
    """Load the teacher: a checkpoint of EdgeSAM, a folder of transformers', or an engine's name.

    Raises InvalidParameterError where none is named or the engine is no SAM, and what loading
    engines raises.
    """
    if options.model is None:
        raise InvalidParameterError("teacher.model is needed: a folder, a checkpoint or an engine.")
    path = Path(options.model)
    if path.is_file() and path.suffix in CHECKPOINTS:
        model = from_weights(start_weights(path), path.name)
        return EdgeSamTeacher(model, options.size_px or INPUT_PX, options.select)
    engine = _engine(options.model, path)
    network = getattr(engine, "model", None)
    if isinstance(network, SamModel):
        # Engines fuse normalisations into convolutions, which changes nothing but the names.
        return EdgeSamTeacher(network, options.size_px or INPUT_PX, options.select)
    kinds = {"sam": SamTeacher, "sam_hq": SamHqTeacher}
    kind = kinds.get(getattr(getattr(network, "config", None), "model_type", ""))
    if kind is None:
        raise InvalidParameterError(f"{options.model} is no SAM, SAM-HQ or EdgeSAM.")
    return kind(engine, options.select)


def _engine(name: str, path: Path) -> Any:
    if path.is_dir():
        from edgeseg.engines.sam.sam import Sam
        from edgeseg.engines.torch.placement import Placement

        # On the CPU until the trainer moves it, with all digits until autocast takes some.
        return Sam(name, path, Placement(torch.device("cpu"), torch.float32))
    from edgeseg.engines.registry import load_present

    return load_present("segment", name, EngineOptions(device="cpu", dtype="float32"))


def _fill(decoder: nn.Module, weights: Mapping[str, Tensor]) -> None:
    own = decoder.state_dict()
    found = from_hugging_face(weights, list(own))
    for name, like in own.items():
        if name not in found or found[name].shape != like.shape:
            shape = tuple(found[name].shape) if name in found else "missing"
            raise InvalidParameterError(
                f"The teacher's decoder is not of SAM's shape: {name} is {shape}, "
                f"expected {tuple(like.shape)}."
            )
    decoder.load_state_dict(found)
