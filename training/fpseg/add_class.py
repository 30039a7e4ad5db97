"""Tune the prompts of new classes for the shipped encoder and decoder, which stay as they are.

    python -m training.fpseg.add_class --data photos --classes tram=12 --out tram.safetensors
    edgeseg classes merge street tram.safetensors -o packs/city.safetensors

Labelled photos are as for `edgeseg evaluate classes`; the number after a class is that of its
pixels. Twenty photos and some minutes do for a class that looks like nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from edgeseg.classes import SUFFIX, ClassPack, PackClass, PackStore
from edgeseg.engines.nano.classes import INPUT_AREA_PX, NanoClassSegmenter
from edgeseg.engines.nano.letterbox import Letterbox
from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation import label_maps
from edgeseg.evaluation.label_maps import NOT_COUNTED, LabelledPhoto
from edgeseg.exporters.label_map import colour
from edgeseg.types import Image
from training.fpseg.export_street import ExportDecoder, read_decoder
from training.fpseg.train_street import dice
from training.nano.restore import SHIPPED

# FPSeg's learning rate of prompts; the schedule is ours.
RATE = 0.01
NEAREST = PillowImage.Resampling.NEAREST
Sample = tuple[tuple[Tensor, ...], Tensor]


def samples(engine: NanoClassSegmenter, photos: Sequence[LabelledPhoto]) -> list[Sample]:
    """Return the maps of each photo and of its mirror image, with labels as the encoder saw it.

    The labels are (h, w) int64, of the scaled photo without its padding.
    """
    found = []
    for photo in tqdm(photos, unit="photo", disable=None):
        for flip in (False, True):
            rgb = np.ascontiguousarray(photo.rgb[:, ::-1] if flip else photo.rgb)
            labels = np.ascontiguousarray(photo.labels[:, ::-1] if flip else photo.labels)
            arrays = engine.embed(Image(rgb, f"{photo.name}/{flip}")).arrays
            maps = tuple(torch.from_numpy(np.asarray(each, np.float32)) for each in arrays)
            height, width = Letterbox.for_size(photo.labels.shape, INPUT_AREA_PX).scaled_hw
            small = PillowImage.fromarray(labels).resize((width, height), NEAREST)
            found.append((maps, torch.from_numpy(np.asarray(small, np.int64))))
    return found


def tune(
    decoder: ExportDecoder,
    data: Sequence[Sample],
    numbers: Sequence[int],
    start: Tensor,
    steps: int,
) -> Tensor:
    """(N, T, C) prompts of the classes with these numbers, tuned from (T, C) ``start``.

    Half of the steps show a photo with the class, where there is one.
    """
    decoder.requires_grad_(False)
    rng = torch.Generator().manual_seed(0)
    first = start.repeat(len(numbers), 1, 1)
    prompts = nn.Parameter(first + torch.randn(first.shape, generator=rng) * 0.1)
    optimiser = torch.optim.AdamW([prompts], RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    showing = [i for i, (_, labels) in enumerate(data) if _shows(labels, numbers)]
    best = prompts.detach().clone()
    for step in tqdm(range(steps), unit="step", disable=None):
        chosen = showing if showing and step % 2 else range(len(data))
        maps, labels = data[chosen[int(torch.randint(len(chosen), (1,), generator=rng))]]
        loss = loss_of(decoder(*maps, prompts)[0], labels, numbers)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        # The mean of the second half: single steps see single photos.
        if step >= steps // 2:
            best.lerp_(prompts.detach(), 1 / (step - steps // 2 + 1))
    return best


def loss_of(logits: Tensor, labels: Tensor, numbers: Sequence[int]) -> Tensor:
    """Cross-entropy of each class against the rest, and Dice, where pixels are counted."""
    height, width = labels.shape
    logits = F.interpolate(logits[None], scale_factor=4.0, mode="bilinear")[..., :height, :width]
    goal = torch.stack([labels == number for number in numbers])[None].float()
    inside = (labels != NOT_COUNTED).float()
    own = F.binary_cross_entropy_with_logits(logits, goal, reduction="none") * inside
    loss = own.mean()
    return loss + dice(logits.sigmoid() * inside, goal) if bool(goal.any()) else loss


def _shows(labels: Tensor, numbers: Sequence[int]) -> bool:
    return any(bool((labels == number).any()) for number in numbers)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--classes", nargs="+", required=True, help="NAME=NUMBER")
    parser.add_argument("--not-counted", type=int, nargs="*", default=[], help="other NUMBERs")
    parser.add_argument("--limit", type=int, help="so many photos at most")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    wanted = dict(_named(each) for each in args.classes)
    if args.out.suffix != SUFFIX or args.out.exists():
        raise InvalidParameterError(f"--out: expected the name of a new {SUFFIX} file.")
    photos = list(label_maps.read(args.data, NOT_COUNTED))[: args.limit]
    for photo in photos:
        photo.labels[np.isin(photo.labels, args.not_counted)] = NOT_COUNTED
    engine = NanoClassSegmenter()
    start = torch.from_numpy(np.mean([each.prompt for each in shipped().classes], axis=0))
    decoder = read_decoder(SHIPPED / "classes_decoder.onnx")
    numbers = list(wanted.values())
    prompts = tune(decoder, samples(engine, photos), numbers, start, args.steps)
    classes = tuple(
        PackClass(name, prompt.numpy().copy(), colour(number + 1))
        for (name, number), prompt in zip(wanted.items(), prompts, strict=True)
    )
    ClassPack(args.out.stem, classes, engine.base).save(args.out)


def shipped() -> ClassPack:
    """Return the pack in the package."""
    return PackStore().get("street")


def _named(text: str) -> tuple[str, int]:
    name, _, number = text.rpartition("=")
    if not name or not number.isascii() or not number.isdigit() or int(number) >= NOT_COUNTED:
        raise InvalidParameterError(f"--classes: expected NAME=NUMBER, got {text!r}.")
    return name, int(number)


if __name__ == "__main__":
    main()
