"""What all members of the SAM family share: from prompts to batches, from small masks to large."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import torch
from torch.nn.functional import interpolate

from edgeseg.engines.base import EngineOptions, MaskQuality
from edgeseg.engines.torch.engine import TorchEngine
from edgeseg.engines.torch.placement import in_chunks
from edgeseg.types import (
    BoolArray,
    Candidates,
    Embedding,
    FloatArray,
    Image,
    IntArray,
    MaskCount,
    MaskPrompt,
    Masks,
)

if TYPE_CHECKING:
    from edgeseg.engines.compiled.openvino import CompiledEncoder

# More boxes at a time are slower on a CPU, and faster on anything else.
CPU_CHUNK, GPU_CHUNK = 2, 64
# Logits of masks of the image's size that may be held at one time.
_PIXELS_AT_ONCE = 2**26
# Logit of a mask given as prompt.
_SURE = 10.0
_Key = tuple[bool, int, bool]


@dataclass(frozen=True)
class PromptBatch:
    """N prompts of one kind, so that none of them needs padding, which would change its answer.

    ``boxes`` is (N, 4) in pixels of the image or None; ``points`` (N, P, 2) with ``labels`` (N, P)
    1 for inside and 0 for outside; ``previous`` (N, H, W) bool masks of the image's size or None.
    """

    boxes: FloatArray | None
    points: FloatArray
    labels: IntArray
    previous: BoolArray | None

    @property
    def is_ambiguous(self) -> bool:
        """Say whether several masks should be tried: one click may mean a part or the whole."""
        return self.boxes is None and self.previous is None and self.points.shape[1] == 1

    def __len__(self) -> int:
        return len(self.points)


Decoded = tuple[torch.Tensor, torch.Tensor]
Keep = Callable[[list[int], Sequence[torch.Tensor], PromptBatch], None]
_NOTHING: FloatArray = np.zeros((0, 0, 0), np.float32)


class SamEngine(TorchEngine):
    """A segmenter that encodes an image once and then decodes prompts in batches."""

    # Of how many masks the best is taken where a prompt leaves a doubt.
    ambiguous_count: ClassVar[MaskCount] = 3
    mask_quality = MaskQuality()
    _compiled: CompiledEncoder | None = None
    _mask_logit = 0.0

    def pixels(self, image: Image) -> torch.Tensor:
        """Return the (1, 3, H, W) input of the network, of the same size for all images."""
        raise NotImplementedError

    def network(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return what the decoder needs of each of (N, 3, H, W) images, N in the first axis."""
        raise NotImplementedError

    def prepared(self, options: EngineOptions) -> Self:
        """Take the options, compile the network where they want that; return the engine."""
        self._mask_logit = options.mask_logit
        if options.encoder_runtime == "openvino":
            from edgeseg.engines.compiled.openvino import compile_encoder

            blank = Image.from_array(np.zeros((1, 1, 3), np.uint8))
            shape = self.pixels(blank).shape
            self._compiled = compile_encoder(
                self.model, self.network, shape, self.placement, options
            )
        return self

    @property
    def device(self) -> str:
        """The device, and what runs the encoder where that is not torch."""
        return f"{self.placement.device}{' and openvino' if self._compiled else ''}"

    def close(self) -> None:
        """Free the model and what was compiled of it."""
        self._compiled = None
        super().close()

    def decode(
        self,
        features: Sequence[torch.Tensor],
        batch: PromptBatch,
        size_hw: tuple[int, int],
        count: MaskCount,
    ) -> Decoded:
        """Return (N, count, h, w) logits in pixels of the output and (N, count) predicted IoUs.

        One is the mask for prompts that leave no doubt, three are those for prompts that do; of
        four, the one comes first.
        """
        raise NotImplementedError

    def window_xyxy(self, size_hw: tuple[int, int]) -> FloatArray:
        """Return the (4,) part of an image, in its pixels, that the model's output covers."""
        raise NotImplementedError

    def enlarge(self, logits: torch.Tensor, size_hw: tuple[int, int]) -> torch.Tensor:
        """Return (N, M, H, W) logits in pixels of the image."""
        raise NotImplementedError

    @property
    def answers_many(self) -> bool:
        """Whether several images are encoded faster than one by one: not on a CPU."""
        return self.placement.device.type != "cpu" and self._compiled is None

    def embed(self, image: Image) -> Embedding:
        """Encode the image."""
        return self.embed_many([image])[0]

    def embed_many(self, images: Sequence[Image]) -> list[Embedding]:
        """Encode images of any sizes: all are of one size to the network."""
        assert self.model is not None
        with self.placement.inference():
            pixels = torch.cat([self.pixels(image) for image in images])
            features = (self._compiled or self.network)(pixels)
        arrays = [as_array(each) for each in features]
        if len(images) == 1:
            return [Embedding(self.name, images[0].size_hw, tuple(arrays))]
        return [
            # Copies, so that an embedding that is kept does not keep the others.
            Embedding(
                self.name, image.size_hw, tuple(each[row : row + 1].copy() for each in arrays)
            )
            for row, image in enumerate(images)
        ]

    def segment(self, embedding: Embedding, prompts: Sequence[MaskPrompt]) -> Masks:
        """Return the best mask of each prompt in pixels of the image; scores are predicted IoUs.

        Prompts of one kind are decoded together, in chunks that shrink when memory runs out.
        """
        masks = np.zeros((len(prompts), *embedding.size_hw), bool)
        scores = np.zeros(len(prompts), np.float32)

        def keep(rows: list[int], features: Sequence[torch.Tensor], batch: PromptBatch) -> None:
            masks[rows], scores[rows] = self._best(features, batch, embedding.size_hw)

        self._in_batches(embedding, prompts, keep)
        return Masks(masks, scores)

    def candidates(
        self,
        embedding: Embedding,
        prompts: Sequence[MaskPrompt],
        count: MaskCount = 3,
        *,
        quick: bool = False,
    ) -> Candidates:
        """Return ``count`` masks per prompt at the decoder's resolution."""
        size_hw = embedding.size_hw
        logits: list[FloatArray] = [_NOTHING] * len(prompts)
        scores = np.zeros((len(prompts), count), np.float32)

        def keep(rows: list[int], features: Sequence[torch.Tensor], batch: PromptBatch) -> None:
            with self.placement.inference():
                made, quality = self.decode(features, batch, size_hw, count)
                above = (made.float() - self._mask_logit).cpu().numpy()
                scores[rows] = quality.float().clamp(0, 1).cpu().numpy()
            for row, each in zip(rows, above, strict=True):
                logits[row] = each

        self._in_batches(embedding, prompts, keep)
        if not prompts:
            return Candidates.empty()
        windows = np.tile(self.window_xyxy(size_hw), (len(prompts), 1))
        return Candidates(np.stack(logits), windows, scores)

    def _in_batches(self, embedding: Embedding, prompts: Sequence[MaskPrompt], keep: Keep) -> None:
        """Call ``keep`` with the rows of prompts that are decoded together, and their batch."""
        assert self.model is not None
        features = [as_tensor(each).to(self.placement.device) for each in embedding.arrays]
        kinds: dict[_Key, list[int]] = {}
        for index, prompt in enumerate(prompts):
            kinds.setdefault(_kind(prompt), []).append(index)

        def run(part: Sequence[int]) -> Sequence[int]:
            keep(list(part), features, collate([prompts[index] for index in part]))
            return part

        for kind, indices in kinds.items():
            in_chunks(indices, self._chunk(kind, embedding.size_hw), run)

    def _chunk(self, kind: _Key, size_hw: tuple[int, int]) -> int:
        """Return how many prompts to decode together."""
        chunk = CPU_CHUNK if self.placement.device.type == "cpu" else GPU_CHUNK
        return max(1, min(chunk, _PIXELS_AT_ONCE // (size_hw[0] * size_hw[1])))

    def _best(
        self, features: Sequence[torch.Tensor], batch: PromptBatch, size_hw: tuple[int, int]
    ) -> tuple[BoolArray, FloatArray]:
        """(N, H, W) masks and (N,) scores, for each prompt the candidate of the highest score."""
        with self.placement.inference():
            count: MaskCount = self.ambiguous_count if batch.is_ambiguous else 1
            logits, quality = self.decode(features, batch, size_hw, count)
            quality = quality.float()
            best = quality.argmax(dim=1, keepdim=True)
            rows = torch.arange(len(batch), device=logits.device)
            chosen = logits[rows, best[:, 0]].float()[:, None]
            large = self.enlarge(chosen, size_hw)[:, 0] > self._mask_logit
        return (
            large.cpu().numpy(),
            quality.gather(1, best)[:, 0].clamp(0, 1).cpu().numpy().astype(np.float32),
        )


def both(one: Decoded, three: Decoded) -> Decoded:
    """Return four masks and scores for each prompt: the one before the three."""
    return torch.cat([one[0], three[0]], 1), torch.cat([one[1], three[1]], 1)


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor's numbers as they are: wider ones, each layer of a decoder would convert.

    NumPy has no bfloat16, whose bits become int16.
    """
    here = tensor.cpu()
    array: np.ndarray = (here.view(torch.int16) if here.dtype == torch.bfloat16 else here).numpy()
    return array


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """Return the tensor that `as_array` was given, sharing its memory on a CPU."""
    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if array.dtype == np.int16 else tensor


def _kind(prompt: MaskPrompt) -> _Key:
    return prompt.box_xyxy is not None, len(prompt.points_xy), prompt.previous is not None


def collate(prompts: Sequence[MaskPrompt]) -> PromptBatch:
    """Stack prompts of one kind; a mask prompt alone also gives the box round it."""
    first = prompts[0]
    boxes = None
    if first.box_xyxy is not None:
        boxes = np.array([prompt.box_xyxy for prompt in prompts], np.float32)
    elif not len(first.points_xy):
        boxes = np.stack([_bounds(prompt.previous) for prompt in prompts])
    previous = None
    if first.previous is not None:
        previous = np.stack([prompt.previous for prompt in prompts if prompt.previous is not None])
    return PromptBatch(
        boxes,
        np.stack([prompt.points_xy for prompt in prompts]),
        np.stack([prompt.point_labels for prompt in prompts]),
        previous,
    )


def _bounds(mask: BoolArray | None) -> FloatArray:
    """(4,) box round an (H, W) mask; round everything if it is empty."""
    assert mask is not None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.array([0, 0, mask.shape[1], mask.shape[0]], np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def mask_logits(masks: BoolArray, shape_hw: tuple[int, int]) -> torch.Tensor:
    """(N, 1, h, w) logits of (N, H, W) masks, as the mask prompt of a decoder.

    ``shape_hw`` is the size of the decoder's mask input without padding.
    """
    stacked = torch.from_numpy(masks).float()[:, None]
    small = interpolate(stacked, shape_hw, mode="bilinear", antialias=True, align_corners=False)
    return (small * 2 - 1) * _SURE


def normalised(
    image: Image,
    size_hw: tuple[int, int],
    device: torch.device,
    mean: Sequence[float] = (0.485, 0.456, 0.406),
    std: Sequence[float] = (0.229, 0.224, 0.225),
) -> torch.Tensor:
    """(1, 3, h, w) image of another size, less ``mean``, over ``std``: those of ImageNet."""
    # A decoded image may be read-only, which torch warns of.
    pixels = torch.from_numpy(np.array(image.rgb)).to(device)
    pixels = pixels.permute(2, 0, 1)[None].float() / 255
    pixels = interpolate(pixels, size_hw, mode="bilinear", antialias=True, align_corners=False)
    shape = (1, 3, 1, 1)
    middle = torch.tensor(mean, device=device).reshape(shape)
    spread = torch.tensor(std, device=device).reshape(shape)
    return (pixels - middle) / spread
