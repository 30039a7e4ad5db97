"""How long the models that people would run instead take: Grounding DINO and SAM 2.1, both tiny.

Their real sizes with random weights: what a network computes costs the same, right or wrong.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import cast

import numpy as np
import PIL.Image
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseg.benchmarks.memory import peak_rss_mb
from edgeseg.cli.bench_nano import SIZE
from edgeseg.cli.demo import find_photo
from edgeseg.engines.torch import torchvision_ops

# [CLS] cat . [SEP] in BERT's vocabulary.
TOKENS = [[101, 4937, 1012, 102]]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SHORT_PX, SAM_PX = 800, 1024


def detector() -> nn.Module:
    """Grounding DINO with its Swin-T backbone."""
    from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection, SwinConfig

    backbone = SwinConfig(
        image_size=224,
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=7,
        out_indices=[2, 3, 4],
    )
    return GroundingDinoForObjectDetection(GroundingDinoConfig(backbone_config=backbone)).eval()


def segmenter() -> nn.Module:
    """SAM 2.1 with its tiny Hiera backbone, without what follows videos."""
    from transformers import Sam2Config, Sam2Model

    return Sam2Model(Sam2Config()).eval()


def as_input(photo: PIL.Image.Image, size: tuple[int, int]) -> Tensor:
    """(1, 3, H, W) float32, resized to (width, height) and normalised as both models want it."""
    pixels = np.asarray(photo.resize(size, PIL.Image.Resampling.BILINEAR), np.float32) / 255
    normal = (pixels - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return torch.from_numpy(normal.transpose(2, 0, 1).copy())[None]


def find_box(model: nn.Module, photo: PIL.Image.Image) -> list[float]:
    """The best box in pixels of the photo, for one phrase."""
    scale = SHORT_PX / min(photo.size)
    pixels = as_input(photo, (round(photo.width * scale), round(photo.height * scale)))
    ids = torch.tensor(TOKENS)
    out = model(pixel_values=pixels, input_ids=ids, attention_mask=torch.ones_like(ids))
    best = out.logits[0].sigmoid().amax(dim=1).argmax()
    x, y, width, height = out.pred_boxes[0, best].tolist()
    x0, y0 = (x - width / 2) * photo.width, (y - height / 2) * photo.height
    return [x0, y0, x0 + width * photo.width, y0 + height * photo.height]


def outline(
    model: nn.Module, photo: PIL.Image.Image, box: list[float], held: list[Tensor]
) -> Tensor:
    """(H, W) bool mask of a box, from an embedding of the photo."""
    scaled = np.array(box) * SAM_PX / np.tile(photo.size, 2)
    boxes = torch.tensor(scaled, dtype=torch.float32).reshape(1, 1, 4)
    out = model(image_embeddings=held, input_boxes=boxes, multimask_output=False)
    size = (photo.height, photo.width)
    full = F.interpolate(out.pred_masks[0], size, mode="bilinear", align_corners=False)
    return full[0, 0] > 0


def timed(action: Callable[[], object], times: int) -> tuple[float, float]:
    """Median milliseconds of a call after one that does not count, and those of all CPU cores."""
    action()
    spent, cpu_s = [], time.process_time()
    for _ in range(times):
        started = time.perf_counter()
        action()
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent), (time.process_time() - cpu_s) * 1000 / times


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    args = parser.parse_args()
    torch.manual_seed(0)
    torchvision_ops.make_importable()
    photo = PIL.Image.open(find_photo("chelsea")).convert("RGB").resize(SIZE)
    started = time.perf_counter()
    dino, sam = detector(), segmenter()
    load_s = time.perf_counter() - started
    with torch.inference_mode():
        detect = timed(lambda: find_box(dino, photo), args.times)
        box = [100.0, 20.0, 600.0, 470.0]
        pixels = as_input(photo, (SAM_PX, SAM_PX))
        embed = cast("Callable[[Tensor], list[Tensor]]", sam.get_image_embeddings)
        embedded = timed(lambda: embed(pixels), args.times)
        held = embed(pixels)
        decoded = timed(lambda: outline(sam, photo, box, held), args.times)
    figures = {
        "threads": torch.get_num_threads(),
        "parameters_m": sum(p.numel() for m in (dino, sam) for p in m.parameters()) / 1e6,
        "construct_s": load_s,
        "detect_ms": detect[0],
        "embed_ms": embedded[0],
        "refine_ms": decoded[0],
        "refine_cpu_ms": decoded[1],
        "text_to_masks_ms": detect[0] + embedded[0] + decoded[0],
        "text_to_masks_cpu_ms": detect[1] + embedded[1] + decoded[1],
        "peak_rss_mb": peak_rss_mb(),
    }
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
