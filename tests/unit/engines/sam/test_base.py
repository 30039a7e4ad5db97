"""What the SAM family shares: images as networks take them."""

from __future__ import annotations

import numpy as np
import torch

from edgeseg.engines.sam.base import normalised
from edgeseg.types import Image


def test_read_only_images_are_taken_and_left_as_they_are() -> None:
    rgb = np.full((4, 6, 3), 255, np.uint8)
    rgb.setflags(write=False)
    made = normalised(Image.from_array(rgb), (8, 12), torch.device("cpu"), (0.5,) * 3, (0.25,) * 3)
    assert made.shape == (1, 3, 8, 12)
    assert torch.allclose(made, torch.full_like(made, 2.0), atol=1e-5)
    assert (rgb == 255).all()
