"""Words and a photo in, masks out: ``python examples/segment_photo.py photo.jpg "the cat"``."""

from __future__ import annotations

import sys
from pathlib import Path

from edgeseg import EdgeSegAI


def main(path: str, prompt: str) -> None:
    """Print what was found, and write overlay.png and result.json into the folder out."""
    result = EdgeSegAI().segment_image(image_path=path, prompt=prompt)
    print(f"Simplified prompt: {result.simplified_prompt}")
    for obj in result.objects:
        print(f"{obj.label} {obj.score:.2f}: box {obj.box}, {obj.area} pixels")
    print(f"{result.segmentation_mask.mean():.1%} of the image is covered.")
    folder = Path("out")
    folder.mkdir(exist_ok=True)
    result.overlay().save(folder / "overlay.png")
    result.to_json(folder / "result.json")


if __name__ == "__main__":
    main(*sys.argv[1:3])
