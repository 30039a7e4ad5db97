"""What 8-bit ranges are calibrated on: photos, and prompts on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgeseg.engines.edge_sam.prompt_encoder import (
    BOTTOM_RIGHT,
    INPUT_PX,
    INSIDE,
    PADDING,
    TOP_LEFT,
)
from edgeseg.engines.export.runtime import Feed, Run, no_mask
from edgeseg.engines.sam.base import SamEngine
from edgeseg.types import Image


def encoder_feeds(engine: SamEngine, photos: Sequence[Image]) -> Iterator[Feed]:
    """Yield each photo as the encoder takes it."""
    for photo in photos:
        yield {"image": engine.pixels(photo).numpy()}


def decoder_feeds(
    engine: SamEngine, encode: Run, photos: Sequence[Image], mask_input: bool
) -> Iterator[Feed]:
    """Yield a box and a click, drawn with a fixed seed, on the embedding of each photo."""
    generator = np.random.default_rng(0)
    for feed in encoder_feeds(engine, photos):
        (embeddings,) = encode(feed)
        corner = generator.uniform(0, INPUT_PX / 2, 2)
        box = np.stack([corner, corner + generator.uniform(INPUT_PX / 8, INPUT_PX / 2, 2)])
        click = np.stack([generator.uniform(0, INPUT_PX, 2), np.zeros(2)])
        for points, labels in ((box, [TOP_LEFT, BOTTOM_RIGHT]), (click, [INSIDE, PADDING])):
            prompt = {
                "image_embeddings": embeddings,
                "point_coords": points[None].astype(np.float32),
                "point_labels": np.array([labels]),
            }
            if mask_input:
                prompt |= no_mask(embeddings.shape[-1])
            yield prompt
