"""Sample images: photos of scikit-image, and one drawn here."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import PIL.ImageOps

from edgeseg.codecs import encode_png
from frontend.state import Photo

# Title, file of scikit-image's public-domain photos, a prompt that suits it.
_PHOTOS = (
    ("Cat", "chelsea.png", "cat"),
    ("Astronaut", "astronaut.png", "the person"),
    ("Coffee", "coffee.png", "What could I drink coffee from?"),
    ("Motorcycle", "motorcycle_left.png", "motorcycle"),
    ("Horse", "horse.png", "horse"),
)
DRAWN = "Drawn balls"


def titles() -> dict[str, str]:
    """Return the samples that are here, with a prompt for each."""
    prompts = {title: prompt for title, name, prompt in _PHOTOS if _file(name) is not None}
    return {**prompts, DRAWN: "the largest ball"}


def sample(title: str) -> Photo:
    """Return a sample by its title; raises KeyError for an unknown title."""
    if title == DRAWN:
        return Photo.from_bytes("balls.png", encode_png(_balls()))
    name = {known: name for known, name, _ in _PHOTOS}[title]
    path = _file(name)
    if path is None:
        raise KeyError(title)
    return Photo.from_bytes(name, path.read_bytes())


def comparison() -> tuple[str, list[Photo], Photo] | None:
    """Return a text, references and an image that shows most of what the text asks for.

    None where scikit-image's photos are not here.
    """
    paths = [_file("chelsea.png"), _file("coffee.png")]
    references = [Photo.from_bytes(path.name, path.read_bytes()) for path in paths if path]
    if len(references) < len(paths):
        return None
    made = PIL.Image.new("RGB", (900, 400), (196, 190, 182))
    for photo, corner, size in zip(
        references, ((0, 0), (540, 80)), ((540, 400), (360, 240)), strict=True
    ):
        with PIL.Image.open(io.BytesIO(photo.data)) as pil_image:
            made.paste(PIL.ImageOps.mirror(pil_image.convert("RGB")).resize(size), corner)
    text = "a brown cat next to a red cup and two balls"
    return text, references, Photo.from_bytes("generated.png", encode_png(made))


def _file(name: str) -> Path | None:
    """Return a photo's file; nothing of scikit-image is imported."""
    spec = importlib.util.find_spec("skimage")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / name
        if path.exists():
            return path
    return None


def _balls() -> PIL.Image.Image:
    """Draw three balls on grass under a sky."""
    pil_image = PIL.Image.new("RGB", (640, 420), (168, 208, 240))
    pen = PIL.ImageDraw.Draw(pil_image)
    pen.rectangle((0, 230, 640, 420), fill=(96, 158, 72))
    for x, y, radius, colour in (
        (170, 270, 95, (205, 45, 40)),
        (400, 300, 60, (240, 200, 40)),
        (545, 265, 40, (40, 80, 190)),
    ):
        pen.ellipse((x - radius, y + radius * 0.8, x + radius, y + radius * 1.1), (70, 120, 55))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
        light = radius * 0.45
        pen.ellipse(
            (x - light, y - radius * 0.75, x + light * 0.2, y - radius * 0.35),
            fill=tuple(min(255, value + 70) for value in colour),
        )
    return pil_image
