"""torchvision beside a torch of another kind: its operators are compiled for one of them only.

A torchvision that is built for CUDA cannot load its operators into a CPU build of torch, and then
cannot be imported at all, though the engines need nothing of it but transforms. Declaring the
operators that its import looks for lets it be imported; of them nms works, in Python.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_lock = threading.Lock()
# The declarations last as long as this object.
_declared: list[torch.library.Library] = []


def make_importable() -> None:
    """See to it that ``import torchvision`` works; to be called before it, as often as one likes.

    Without torchvision, or with one that fits this torch, it does nothing.
    """
    spec = importlib.util.find_spec("torchvision")
    with _lock:
        if spec is None or spec.origin is None or _declared or _fits(Path(spec.origin).parent):
            return
        library = torch.library.Library("torchvision", "FRAGMENT")
        for schema in _SCHEMAS:
            library.define(schema)
        library.impl("nms", _nms, "CompositeExplicitAutograd")
        _declared.append(library)


def _fits(folder: Path) -> bool:
    """Load the compiled operators, if this torch can."""
    for path in folder.glob("_C*.so"):
        try:
            torch.ops.load_library(path)
        except OSError:
            return False
    return hasattr(torch.ops.torchvision, "nms")


def _nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Indices of the (N, 4) boxes that overlap no better one by more, best first."""
    order = scores.argsort(descending=True, stable=True)
    boxes = dets[order].float()
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0)
    areas = sides.prod(dim=1)
    keep: list[int] = []
    alive = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for index in range(len(boxes)):
        if not alive[index]:
            continue
        keep.append(index)
        corner = torch.maximum(boxes[index, :2], boxes[:, :2])
        other = torch.minimum(boxes[index, 2:], boxes[:, 2:])
        common = (other - corner).clamp(min=0).prod(dim=1)
        alive &= common <= iou_threshold * (areas[index] + areas - common)
    return order[keep]
