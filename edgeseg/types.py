"""In-memory values that engines and stages exchange: numpy arrays, validated on construction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Box = tuple[float, float, float, float]


def _check(name: str, array: object, shape: tuple[int | None, ...], dtype: npt.DTypeLike) -> None:
    """Raise TypeError or ValueError unless ``array`` has this dtype and shape (None: any size)."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name}: expected a numpy array, got {type(array).__name__}")
    if array.dtype != np.dtype(dtype):
        raise TypeError(f"{name}: expected dtype {np.dtype(dtype)}, got {array.dtype}")
    fits = len(shape) == array.ndim and all(
        want is None or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        want = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise ValueError(f"{name}: expected shape {want}, got {array.shape}")


# Called with the stage, the number of images done and the total.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ImageStep:
    """One image of several is through a stage: how many are done, and what is found in it so far.

    ``found`` are the numbers of boxes or objects by label.
    """

    stage: str
    done: int
    total: int
    image: str
    found: Mapping[str, int]


ImageProgress = Callable[[ImageStep], None]


@dataclass(frozen=True, eq=False)
class Image:
    """An RGB image after EXIF orientation, with alpha composited onto white.

    ``rgb`` is (H, W, 3) uint8, sRGB, row 0 at the top. ``sha256`` identifies the content, so that
    an embedding can be cached by it. ``warnings`` say what was changed or lost when it was decoded.
    """

    rgb: UInt8Array
    sha256: str
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("Image.rgb", self.rgb, (None, None, 3), np.uint8)
        if 0 in self.rgb.shape:
            raise ValueError(f"Image.rgb: expected at least one pixel, got shape {self.rgb.shape}")

    @classmethod
    def from_array(cls, rgb: UInt8Array) -> Image:
        """Wrap (H, W, 3) uint8 pixels; the hash is taken of shape and pixels."""
        _check("Image.rgb", rgb, (None, None, 3), np.uint8)
        pixels = np.ascontiguousarray(rgb)
        digest = hashlib.sha256(repr(pixels.shape).encode())
        digest.update(pixels.data)
        return cls(pixels, digest.hexdigest())

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.rgb.shape[0]), int(self.rgb.shape[1])


@dataclass(frozen=True, eq=False)
class Detections:
    """N boxes with a score and a label each.

    ``boxes_xyxy`` is (N, 4) float32, x0 y0 x1 y1 in pixels of the image; ``scores`` (N,) float32
    in 0..1; each label is one of the caller's phrases.
    """

    boxes_xyxy: FloatArray
    scores: FloatArray
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        _check("Detections.boxes_xyxy", self.boxes_xyxy, (None, 4), np.float32)
        _check("Detections.scores", self.scores, (len(self.boxes_xyxy),), np.float32)
        if not isinstance(self.labels, tuple):
            raise TypeError(
                f"Detections.labels: expected a tuple, got {type(self.labels).__name__}"
            )
        if len(self.labels) != len(self.boxes_xyxy):
            raise ValueError(
                f"Detections.labels: expected {len(self.boxes_xyxy)} labels, got {len(self.labels)}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def empty(cls) -> Detections:
        """No boxes."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())

    def take(
        self, indices: npt.NDArray[np.integer] | npt.NDArray[np.bool_] | list[int]
    ) -> Detections:
        """Return the chosen boxes: integer positions in the given order, or a boolean mask."""
        chosen = np.asarray(indices)
        if chosen.dtype == np.bool_:
            chosen = np.flatnonzero(chosen)
        chosen = chosen.astype(np.int64)
        labels = tuple(self.labels[i] for i in chosen)
        return Detections(self.boxes_xyxy[chosen], self.scores[chosen], labels)


@dataclass(frozen=True, eq=False)
class Masks:
    """N masks in pixels of the image: ``masks`` (N, H, W) bool, ``scores`` (N,) float32."""

    masks: BoolArray
    scores: FloatArray

    def __post_init__(self) -> None:
        _check("Masks.masks", self.masks, (None, None, None), np.bool_)
        _check("Masks.scores", self.scores, (len(self.masks),), np.float32)

    def __len__(self) -> int:
        return len(self.masks)


# How many masks a decoder of SAM's kind gives: the one for prompts that leave no doubt, the three
# for those that do, or all.
MaskCount = Literal[1, 3, 4]


@dataclass(frozen=True, eq=False)
class Candidates:
    """C masks for each of N prompts, as the decoder made them: small, and not yet cut.

    ``logits`` (N, C, h, w) float32 are positive inside; row n covers ``windows_xyxy[n]`` (4,)
    float32, in pixels of the image, which may reach beyond it. ``scores`` (N, C) float32 in 0..1
    are predicted IoUs, or what the engine has in their place.
    """

    logits: FloatArray
    windows_xyxy: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        _check("Candidates.logits", self.logits, (None, None, None, None), np.float32)
        count = self.logits.shape[:2]
        _check("Candidates.windows_xyxy", self.windows_xyxy, (count[0], 4), np.float32)
        _check("Candidates.scores", self.scores, count, np.float32)

    def __len__(self) -> int:
        return len(self.logits)

    @classmethod
    def empty(cls) -> Candidates:
        """No prompts."""
        return cls(
            np.zeros((0, 1, 1, 1), np.float32),
            np.zeros((0, 4), np.float32),
            np.zeros((0, 1), np.float32),
        )


@dataclass(frozen=True, eq=False)
class ClassLogits:
    """Where each of N classes is, as the decoder says it: small, and not yet cut.

    ``logits`` (N, h, w) float32 are positive inside; all cover ``window_xyxy`` (4,) float32, in
    pixels of the image, which may reach beyond it.
    """

    logits: FloatArray
    window_xyxy: FloatArray

    def __post_init__(self) -> None:
        _check("ClassLogits.logits", self.logits, (None, None, None), np.float32)
        _check("ClassLogits.window_xyxy", self.window_xyxy, (4,), np.float32)


def _no_points() -> FloatArray:
    return np.zeros((0, 2), np.float32)


def _no_labels() -> IntArray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class MaskPrompt:
    """Prompt for one mask: a box, points, a previous mask, or any combination.

    ``box_xyxy`` and ``points_xy`` (P, 2) float32 are in pixels of the image; ``point_labels``
    (P,) int64 is 1 for inside and 0 for outside; ``previous`` is an (H, W) bool mask to correct.
    """

    box_xyxy: Box | None = None
    points_xy: FloatArray = field(default_factory=_no_points)
    point_labels: IntArray = field(default_factory=_no_labels)
    previous: BoolArray | None = None

    def __post_init__(self) -> None:
        _check("MaskPrompt.points_xy", self.points_xy, (None, 2), np.float32)
        _check("MaskPrompt.point_labels", self.point_labels, (len(self.points_xy),), np.int64)
        if not np.isin(self.point_labels, (0, 1)).all():
            raise ValueError(
                f"MaskPrompt.point_labels: expected 0 or 1, got {self.point_labels.tolist()}"
            )
        if self.box_xyxy is not None and len(self.box_xyxy) != 4:
            raise ValueError(f"MaskPrompt.box_xyxy: expected 4 numbers, got {self.box_xyxy}")
        if self.previous is not None:
            _check("MaskPrompt.previous", self.previous, (None, None), np.bool_)
        if self.box_xyxy is None and not (self.point_labels == 1).any() and self.previous is None:
            raise ValueError("MaskPrompt: expected a box, a positive point or a previous mask")


@dataclass(frozen=True, eq=False)
class Embedding:
    """Encoder output for one image; only the engine named in ``engine`` can read it.

    ``size_hw`` is the size of the image in pixels, ``arrays`` whatever the engine keeps.
    """

    engine: str
    size_hw: tuple[int, int]
    arrays: tuple[npt.NDArray[np.generic], ...]

    @property
    def nbytes(self) -> int:
        """Bytes held, for a cache that is bounded by them."""
        return sum(array.nbytes for array in self.arrays)
