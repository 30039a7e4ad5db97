"""transformers, loaded the way all engines need it: from local folders, without its chatter."""

from __future__ import annotations

from typing import Any

from PIL import Image as PillowImage

from edgeseg.engines.torch.torchvision_ops import make_importable
from edgeseg.types import Image


def import_transformers() -> Any:
    """Return the module; its progress bars are off, and torchvision can be imported."""
    make_importable()
    import transformers

    transformers.utils.logging.disable_progress_bar()
    return transformers


def as_pillow(image: Image) -> PillowImage.Image:
    """Return a Pillow image: of an array one pixel high, processors guess the axes."""
    return PillowImage.fromarray(image.rgb)
