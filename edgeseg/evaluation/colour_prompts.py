"""Colour prompts on images whose colours are known: rendered scenes and recoloured photos.

    scene    three or four shaded shapes named "cup", each in a colour of its own: "the blue cup"
    photo    two to four annotated objects of a class, each given another colour: "the red car"

Colours are the XKCD colour survey's most frequent ones for each name
(https://xkcd.com/color/rgb, public domain), varied in lightness, chroma and hue, and light and dark
shades of them. The answer is the object that was given the colour. The annotated boxes and masks
serve as detections, so that the naming of colours is measured and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from edgeseg.codecs import mask_to_rle
from edgeseg.engines.base import Segmenter, Simplifier
from edgeseg.entities.colours import to_lab
from edgeseg.evaluation.data import Instance, LabelledImage
from edgeseg.evaluation.true_objects import TrueObjects
from edgeseg.run import Run
from edgeseg.schemas import SegmentationResult, SegmentRequest
from edgeseg.types import BoolArray, FloatArray, Image, UInt8Array

FOCAL_RGB = {
    "red": (229, 0, 0), "orange": (249, 115, 6), "yellow": (255, 255, 20), "green": (21, 176, 26),
    "blue": (3, 67, 223), "purple": (126, 30, 156), "pink": (255, 129, 192), "brown": (101, 55, 0),
    "black": (0, 0, 0), "white": (255, 255, 255), "grey": (146, 149, 145),
    "light blue": (149, 208, 252), "dark blue": (0, 3, 91), "light green": (150, 249, 123),
    "dark green": (3, 53, 0), "dark red": (132, 0, 0), "light grey": (216, 220, 214),
    "dark grey": (54, 55, 55), "light brown": (173, 129, 80), "light purple": (191, 119, 246),
}  # fmt: skip
_SCENE_HW = (240, 320)
_NOUN = "cup"
# Spread of what a colour may look like: L in points, chroma as a factor, hue in degrees.
_L_SPREAD, _CHROMA_SPREAD, _HUE_SPREAD = 5.0, 0.12, 5.0
# How much of a photo's own light and shadow stays on a recoloured object.
_SHADING = 0.5
_MIN_AREA_PX = 400


@dataclass(frozen=True)
class ColourPrompt:
    """A prompt about an image of known colours, and the box that answers it."""

    kind: str
    prompt: str
    image: Image
    instances: tuple[Instance, ...]
    row: int


@dataclass(frozen=True)
class ColourAnswer:
    """Whether a colour prompt was answered by its object alone; ``found`` are rows of instances."""

    asked: ColourPrompt
    right: bool
    found: int


def scene_prompts(count: int, seed: int = 0) -> Iterator[ColourPrompt]:
    """Yield prompts about rendered scenes, the colours in turn."""
    random = np.random.default_rng(seed)
    for number in range(count):
        words = _colours(random, number, int(random.integers(3, 5)))
        rgb = _background(random)
        instances = []
        for place, colour in enumerate(words):
            mask = _shape(random, place, len(words))
            rgb[mask] = _painted(random, colour, _round(mask)[mask])
            instances.append(_instance(_NOUN, mask))
        noisy = rgb + random.normal(0, 4, rgb.shape)
        image = Image.from_array(noisy.clip(0, 255).astype(np.uint8))
        yield ColourPrompt("scene", f"the {words[0]} {_NOUN}", image, tuple(instances), 0)


def photo_prompts(
    photos: Iterable[tuple[LabelledImage, Image]], count: int, seed: int = 0
) -> Iterator[ColourPrompt]:
    """Yield prompts about photos in which objects of one class were recoloured.

    Photos with fewer than two objects of a class with masks of 400 pixels or more are passed over;
    the others are taken several times, in other colours, until there are ``count`` prompts.
    """
    random = np.random.default_rng(seed)
    groups = [
        (name, members[:4], image)
        for labelled, image in photos
        for name, members in _alike(labelled, image).items()
    ]
    for number in range(count if groups else 0):
        name, members, image = groups[number % len(groups)]
        words = _colours(random, number, len(members))
        rgb = image.rgb.copy()
        for (_, mask), colour in zip(members, words, strict=True):
            light = to_lab(image.rgb[mask])[:, 0]
            rgb[mask] = _painted(random, colour, _SHADING * (light - np.median(light)))
        prompt, instances = f"the {words[0]} {name}", tuple(each for each, _ in members)
        yield ColourPrompt("photo", prompt, Image.from_array(rgb), instances, 0)


def evaluate_colours(
    prompts: Iterable[ColourPrompt],
    simplifier: Simplifier,
    segmenter: Segmenter | None = None,
    progress: Callable[[], object] = lambda: None,
) -> list[ColourAnswer]:
    """Answer prompts with the known boxes, and the known masks or those of a segmenter."""
    answers = []
    for asked in prompts:
        image = asked.image
        true = TrueObjects(asked.instances, image.size_hw)
        run = Run(
            SegmentRequest(text_prompt=asked.prompt, tile="never"),
            partial(_same, image),
            keeps_image=True,
        )
        run.step("simplify", simplifier)
        run.step("detect", true)
        if not run.is_finished:
            run.step("segment", segmenter or true)
        result = run.result("evaluation")
        assert isinstance(result, SegmentationResult)
        wanted = np.array(asked.instances[asked.row].box_xyxy)
        fits = [bool(np.abs(np.array(each.box) - wanted).max() < 1) for each in result.objects]
        answers.append(ColourAnswer(asked, fits == [True], len(fits)))
        progress()
    return answers


def _same(image: Image) -> Image:
    return image


def counts_by_colour(answers: Sequence[ColourAnswer]) -> dict[str, tuple[int, int]]:
    """Return right and all answers by colour, then by kind, and "all" at the end."""
    groups: list[tuple[str, bool]] = []
    for each in answers:
        colour = next(c for c in sorted(FOCAL_RGB, key=len)[::-1] if f" {c} " in each.asked.prompt)
        groups += [(colour, each.right), (each.asked.kind, each.right), ("all", each.right)]
    total = Counter(name for name, _ in groups)
    right = Counter(name for name, is_right in groups if is_right)
    order = [name for name in (*FOCAL_RGB, "scene", "photo", "all") if total[name]]
    return {name: (right[name], total[name]) for name in order}


def _colours(random: np.random.Generator, number: int, count: int) -> list[str]:
    """Return the colour that is asked for, and others that are none of its shades."""
    names = list(FOCAL_RGB)
    asked = names[number % len(names)]
    basic = [name for name in names if " " not in name]
    others = [name for name in basic if name != asked.split()[-1]]
    if " " in asked:
        # Another shade of the same colour is what the word "light" or "dark" tells apart.
        shade, base = asked.split()
        other = f"{'dark' if shade == 'light' else 'light'} {base}"
        if other in names:
            return [asked, other, *random.permutation(others)[: count - 2].tolist()][:count]
    return [asked, *random.permutation(others)[: count - 1].tolist()]


def _painted(random: np.random.Generator, colour: str, shading: FloatArray) -> UInt8Array:
    """(N, 3) uint8 pixels of a varied colour, with (N,) shading in L."""
    light, a, b = to_lab(np.array([FOCAL_RGB[colour]], np.uint8))[0]
    chroma = float(np.hypot(a, b)) * random.uniform(1 - _CHROMA_SPREAD, 1.0)
    hue = np.arctan2(b, a) + np.radians(random.uniform(-_HUE_SPREAD, _HUE_SPREAD))
    lightness = light + random.uniform(-_L_SPREAD, _L_SPREAD) + shading
    lab = np.empty((len(shading), 3), np.float64)
    lab[:, 0] = lightness.clip(0, 100)
    lab[:, 1], lab[:, 2] = chroma * np.cos(hue), chroma * np.sin(hue)
    return _to_rgb(lab)


def _to_rgb(lab: npt.NDArray[np.float64]) -> UInt8Array:
    """(N, 3) sRGB of (N, 3) CIELAB under D65, cut at the borders of what sRGB can show."""
    y = (lab[:, 0] + 16) / 116
    root = np.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], axis=1)
    relative = np.where(root > 6 / 29, root**3, (root - 16 / 116) / 7.787)
    xyz = relative * np.array([0.9505, 1.0, 1.089])
    matrix = np.array(
        [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    )
    linear = (xyz @ matrix.T).clip(0, 1)
    values = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    pixels: UInt8Array = (values * 255).round().astype(np.uint8)
    return pixels


def _background(random: np.random.Generator) -> FloatArray:
    """(H, W, 3) a wall that gets darker to one side, in a dull colour."""
    height, width = _SCENE_HW
    wall = random.uniform(90, 220, 3) * 0.3 + random.uniform(90, 220) * 0.7
    slope = np.linspace(1.0, random.uniform(0.6, 1.0), width)[None, :, None]
    made: FloatArray = (np.ones((height, 1, 1)) * slope * wall).astype(np.float32)
    return made


def _shape(random: np.random.Generator, place: int, count: int) -> BoolArray:
    """(H, W) an ellipse or a box in its own column of the scene."""
    height, width = _SCENE_HW
    column = width / count
    radii = random.uniform(0.25, 0.42) * column, random.uniform(0.15, 0.35) * height
    centre = (place + 0.5) * column, random.uniform(0.4, 0.6) * height
    x = np.abs(np.arange(width) + 0.5 - centre[0]) / radii[0]
    y = np.abs(np.arange(height) + 0.5 - centre[1]) / radii[1]
    power = random.choice([2.0, 8.0])
    mask: BoolArray = x[None, :] ** power + y[:, None] ** power <= 1
    return mask


def _round(mask: BoolArray) -> FloatArray:
    """(H, W) shading in L of a round body lit from the left: +8 to -12."""
    columns = np.flatnonzero(mask.any(axis=0))
    across = np.clip((np.arange(mask.shape[1]) - columns[0]) / max(1, np.ptp(columns)), 0, 1)
    shading: FloatArray = np.broadcast_to(8 - 20 * across, mask.shape).astype(np.float32)
    return shading


def _instance(name: str, mask: BoolArray) -> Instance:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    x0, y0, x1, y1 = (float(value) for value in box)
    return Instance(
        name, (x0, y0, x1, y1), crowd=False, segmentation=mask_to_rle(mask).model_dump(mode="json")
    )


def _alike(labelled: LabelledImage, image: Image) -> dict[str, list[tuple[Instance, BoolArray]]]:
    """Return a photo's objects with masks by class, for classes of two and more; no people."""
    groups: dict[str, list[tuple[Instance, BoolArray]]] = {}
    for each in labelled.instances:
        mask = each.mask(image.size_hw)
        is_large = mask is not None and mask.sum() >= _MIN_AREA_PX
        if mask is not None and is_large and each.category != "person" and not each.crowd:
            groups.setdefault(each.category, []).append((each, mask))
    return {name: members for name, members in groups.items() if len(members) > 1}
