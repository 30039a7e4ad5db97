"""Make the README's images: hero.jpg, and the UI's states side by side in ui_frames.jpg.

``make hero``. The photos are scikit-image's, in the public domain; what is drawn is what the nano
engines find.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import PIL.ImageOps

from edgeseg import EdgeSegAI
from edgeseg.cli.demo import find_photo

IMAGES = Path(__file__).parent / "images"
WIDTH_PX, GAP_PX, CAPTION_PX = 1800, 16, 64
FRAMES = {
    "ui_welcome": "1. An image, and words",
    "ui_progress": "2. Each image on its way",
    "ui_stage": "3. The masks",
    "ui_refine": "4. Corrected by clicks",
}


def main() -> None:
    """Write both images."""
    hero().save(IMAGES / "hero.jpg", quality=88, optimize=True)
    frames().save(IMAGES / "ui_frames.jpg", quality=85, optimize=True)


def hero() -> PIL.Image.Image:
    """Several things at once, a question, an exception, left and right."""
    cat, cup, astronaut, garage = (
        PIL.Image.open(find_photo(name)).convert("RGB")
        for name in ("chelsea", "coffee", "astronaut", "motorcycle_left")
    )
    cats = beside([cat, PIL.ImageOps.mirror(cat)])
    rows = [
        [
            (cup, "What could I drink coffee from?"),
            (garage, "motorcycle ."),
            (astronaut, "the person"),
        ],
        [(cats, "all cats except the left one"), (beside([astronaut, cat]), "person . cat .")],
    ]
    with EdgeSegAI("nano", "nano", "nano", ttl=-1) as ai:

        def drawn(image: PIL.Image.Image, prompt: str) -> PIL.Image.Image:
            return ai.segment_image(image, prompt).overlay(opacity=0.55, boxes=False)

        return gallery([[(drawn(*case), f'"{case[1]}"') for case in row] for row in rows])


def frames() -> PIL.Image.Image:
    """The UI from a question to a corrected mask, from the screenshots of `make screenshots`."""
    shots = [(PIL.Image.open(IMAGES / f"{name}.jpg"), text) for name, text in FRAMES.items()]
    return gallery([shots[:2], shots[2:]])


def gallery(rows: Sequence[Sequence[tuple[PIL.Image.Image, str]]]) -> PIL.Image.Image:
    """Images in rows of one width each, every image with its caption below."""
    font = PIL.ImageFont.load_default(30)
    placed, top = [], GAP_PX
    for row in rows:
        free = WIDTH_PX - GAP_PX * (len(row) + 1)
        height = round(free / sum(image.width / image.height for image, _ in row))
        left = GAP_PX
        for image, caption in row:
            width = round(height * image.width / image.height)
            placed.append((image.convert("RGB").resize((width, height)), caption, left, top))
            left += width + GAP_PX
        top += height + CAPTION_PX
    sheet = PIL.Image.new("RGB", (WIDTH_PX, top + GAP_PX // 2), "white")
    draw = PIL.ImageDraw.Draw(sheet)
    for image, caption, left, upper in placed:
        sheet.paste(image, (left, upper))
        middle = (left + image.width // 2, upper + image.height + CAPTION_PX // 2)
        draw.text(middle, caption, fill="black", font=font, anchor="mm")
    return sheet


def beside(images: Sequence[PIL.Image.Image]) -> PIL.Image.Image:
    """One image of several, at the height of the lowest."""
    height = min(each.height for each in images)
    scaled = [each.resize((each.width * height // each.height, height)) for each in images]
    joined = PIL.Image.new("RGB", (sum(each.width for each in scaled), height))
    left = 0
    for each in scaled:
        joined.paste(each, (left, 0))
        left += each.width
    return joined


if __name__ == "__main__":
    main()
