"""What an export may be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from edgeseg.errors import InvalidParameterError
from edgeseg.types import Image

Target = Literal["onnx", "openvino", "coreml", "litert"]
Precision = Literal["fp32", "fp16", "int8"]
TARGETS: tuple[Target, ...] = get_args(Target)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
# Points that a decoder for CoreML or LiteRT takes.
MAX_POINTS = 16
# A box, and clicks on it.
POINTS = 5


@dataclass(frozen=True)
class ExportOptions:
    """How the files compute, and what they hold beside the networks.

    ``precision``: fp16 and int8 files are a half and a quarter as large; ``photos`` are what int8
    ranges are calibrated on (for CoreML int8 means weights alone, which needs none).
    ``stability_score``: scores are the stability of masks in place of predicted IoUs; None: as the
    engine does. ``padding_point``: the decoder adds the point that a prompt without a box needs
    (None: everywhere but for CoreML). ``mask_input``: the decoder takes the logits of an earlier
    mask. ``processing``: the encoder takes a photo of any size, and the decoder takes points and
    gives masks in its pixels. ``bilinear``: EdgeSAM's encoder enlarges bilinearly, for runtimes
    that cannot do so bicubically (None: for CoreML and LiteRT). ``image_input``: the encoder for
    CoreML takes an image in place of a tensor. ``points``: how many the decoder for LiteRT takes;
    the corners of a box are two, and what a prompt has fewer is filled up with the label -3.
    """

    precision: Precision = "fp32"
    photos: Sequence[Image] = ()
    stability_score: bool | None = None
    padding_point: bool | None = None
    mask_input: bool = False
    processing: bool = False
    bilinear: bool | None = None
    image_input: bool = True
    points: int = POINTS

    def check(self, target: Target) -> None:
        """Raise InvalidParameterError for what the target cannot be given."""
        if target not in TARGETS:
            raise InvalidParameterError(f"to: expected one of {', '.join(TARGETS)}, got {target}.")
        if self.precision not in PRECISIONS:
            raise InvalidParameterError(
                f"precision: expected one of {', '.join(PRECISIONS)}, got {self.precision}."
            )
        if target in ("coreml", "litert") and self.processing:
            raise InvalidParameterError(
                "processing: encoders for CoreML and LiteRT take images of one size; scale and pad "
                "them before."
            )
        if target == "litert":
            self._check_litert()
        elif target != "coreml" and self.precision == "int8" and not self.photos:
            raise InvalidParameterError(
                "precision: int8 is calibrated on photos; name a folder with some of them."
            )

    def _check_litert(self) -> None:
        if self.precision == "int8":
            raise InvalidParameterError("precision: LiteRT's files are in fp32 or fp16, not int8.")
        # Two are the corners of a box.
        if not 2 <= self.points <= MAX_POINTS:
            raise InvalidParameterError(f"points: expected 2 to {MAX_POINTS}, got {self.points}.")

    def pads(self, target: Target) -> bool:
        """Say whether the decoder adds the padding point itself."""
        return target != "coreml" if self.padding_point is None else self.padding_point

    def enlarges_bilinearly(self, target: Target) -> bool:
        """Say whether EdgeSAM's encoder does so."""
        return target in ("coreml", "litert") if self.bilinear is None else self.bilinear
