"""EdgeSeg segments images from words."""

from edgeseg import no_telemetry
from edgeseg.errors import (
    EdgeSegError,
    EngineError,
    EngineUnavailableError,
    InputError,
    UnavailableError,
)
from edgeseg.pipeline import EdgeSegAI
from edgeseg.result import Segmentation
from edgeseg.schemas import SegmentationResult, SegmentedObject, Simplification
from edgeseg.settings import Settings
from edgeseg.types import Detections, Image, Masks

# Importing edgeseg loads none of the libraries that would report; they find the switches set.
no_telemetry.switch_off()

__version__ = "0.1.0"

__all__ = [
    "Detections",
    "EdgeSegAI",
    "EdgeSegError",
    "EngineError",
    "EngineUnavailableError",
    "Image",
    "InputError",
    "Masks",
    "Segmentation",
    "SegmentationResult",
    "SegmentedObject",
    "Settings",
    "Simplification",
    "UnavailableError",
    "__version__",
]
