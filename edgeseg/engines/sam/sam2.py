"""SAM 2.1 by its authors' package: masks for boxes and points.

Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024. Only the parts for single images
are used; the answers are those of the package's SAM2ImagePredictor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from edgeseg.engines.base import EngineOptions, MaskQuality, Segmenter
from edgeseg.engines.sam.base import Decoded, PromptBatch, SamEngine, both, mask_logits, normalised
from edgeseg.engines.torch.placement import Placement, read_tensors
from edgeseg.engines.torch.torchvision_ops import make_importable
from edgeseg.errors import EngineUnavailableError
from edgeseg.types import FloatArray, Image, MaskCount

CONFIGS = {
    "sam2.1-tiny": "sam2.1_hiera_t",
    "sam2.1-small": "sam2.1_hiera_s",
    "sam2.1-base-plus": "sam2.1_hiera_b+",
    "sam2.1-large": "sam2.1_hiera_l",
}
# What its authors switch on for images: a mask that is not stable gives way to a better one.
_OVERRIDES = (
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_via_stability=true",
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_delta=0.05",
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.98",
)
# The corners of a box are points with these labels.
_CORNERS = (2, 3)


def load(options: EngineOptions) -> Segmenter:
    """Build a segmenter from a checkpoint, or a folder with one.

    A file ``model.yaml`` beside it, in the package's form, describes a model of another shape.
    """
    checkpoint = find_checkpoint(options.weights[0])
    own = checkpoint.with_name("model.yaml")
    model = build(CONFIGS[options.name], own if own.is_file() else None)
    load_weights(model, checkpoint)
    return Sam2(options.name, model, Placement.from_options(options)).prepared(options)


class Sam2(SamEngine):
    """Encodes at the model's square size, as it was trained."""

    # As the package's own generator of automatic masks.
    mask_quality = MaskQuality(predicted_iou=0.8, stability=0.95)

    def __init__(self, name: str, model: Any, placement: Placement) -> None:
        super().__init__(name, placement, model)
        self._side = int(model.image_size)

    def pixels(self, image: Image) -> torch.Tensor:
        """Return the image stretched to a square."""
        return normalised(image, (self._side, self._side), self.placement.device)

    def network(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return three maps of the image, finest first."""
        model = self.model
        _, maps, _, sizes = model._prepare_backbone_features(model.forward_image(pixels))
        if model.directly_add_no_mem_embed:
            maps[-1] = maps[-1] + model.no_mem_embed
        return tuple(
            each.permute(1, 2, 0).reshape(*each.shape[1:], *size)
            for each, size in zip(maps, sizes, strict=True)
        )

    def window_xyxy(self, size_hw: tuple[int, int]) -> FloatArray:
        """Return the whole image."""
        return np.array([0, 0, size_hw[1], size_hw[0]], np.float32)

    def decode(
        self,
        features: Sequence[torch.Tensor],
        batch: PromptBatch,
        size_hw: tuple[int, int],
        count: MaskCount,
    ) -> Decoded:
        """Return masks at a quarter of the model's size."""
        if count == 4:
            return both(*(self.decode(features, batch, size_hw, each) for each in (1, 3)))
        model, device = self.model, self.placement.device
        points, labels = as_points(batch, size_hw, self._side)
        previous = None
        if batch.previous is not None:
            previous = mask_logits(batch.previous, (self._side // 4, self._side // 4)).to(device)
        sparse, dense = model.sam_prompt_encoder(
            points=(points.to(device), labels.to(device)), boxes=None, masks=previous
        )
        logits, quality, _, _ = model.sam_mask_decoder(
            image_embeddings=features[-1],
            image_pe=model.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=count == 3,
            repeat_image=len(batch) > 1,
            high_res_features=list(features[:-1]),
        )
        return logits, quality

    def enlarge(self, logits: torch.Tensor, size_hw: tuple[int, int]) -> torch.Tensor:
        """Stretch to the image's size."""
        return interpolate(logits, size_hw, mode="bilinear", align_corners=False)


def as_points(
    batch: PromptBatch, size_hw: tuple[int, int], side: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, P, 2) points in pixels of the square input and (N, P) labels, corners of boxes first."""
    height, width = size_hw
    points, labels = batch.points, batch.labels
    if batch.boxes is not None:
        corners: FloatArray = batch.boxes.reshape(-1, 2, 2)
        points = np.concatenate([corners, points], axis=1)
        labels = np.concatenate([np.tile(_CORNERS, (len(corners), 1)), labels], axis=1)
    scaled = points / np.array([width, height], np.float32) * side
    return torch.from_numpy(scaled.astype(np.float32)), torch.from_numpy(labels.astype(np.int32))


def build(config: str, own: Path | None = None) -> Any:
    """Build the model of a configuration of the package, or of a file of the same form.

    Its numbers are left as memory had them, since a checkpoint takes their place.
    """
    make_importable()
    import sam2  # noqa: F401  (its import tells hydra where the configurations are)
    from hydra import compose
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    if own is not None:
        described = OmegaConf.load(own)
    else:
        described = compose(f"configs/sam2.1/{config}.yaml", overrides=list(_OVERRIDES))
    OmegaConf.resolve(described)
    with _unset():
        return instantiate(described.model, _recursive_=True)


def load_weights(model: Any, checkpoint: Path) -> None:
    """Put a checkpoint's tensors into the model, mapped from the file and not copied."""
    try:
        model.load_state_dict(read_tensors(checkpoint), strict=True, assign=True)
    except RuntimeError as error:
        raise EngineUnavailableError(
            f"The weights {checkpoint} are not those of this model: {str(error)[:300]}"
        ) from error


def find_checkpoint(path: Path) -> Path:
    """Return the checkpoint itself, or the only one in a folder."""
    if path.is_file():
        return path
    checkpoints = sorted(each for each in path.iterdir() if each.suffix in (".pt", ".pth"))
    if len(checkpoints) != 1:
        raise EngineUnavailableError(f"{path}: expected one .pt file, found {len(checkpoints)}.")
    return checkpoints[0]


@contextmanager
def _unset() -> Iterator[None]:
    """Leave new tensors as they are: drawing random numbers takes longer than reading weights."""
    names = ("uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "kaiming_uniform_")
    originals = {name: getattr(torch.nn.init, name) for name in names}
    for name in names:
        setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)
    try:
        yield
    finally:
        for name, function in originals.items():
            setattr(torch.nn.init, name, function)
