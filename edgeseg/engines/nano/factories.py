"""What the registry calls to build the nano engines."""

from __future__ import annotations

from edgeseg.engines.base import (
    ClassSegmenter,
    Detector,
    EngineOptions,
    EntityExtractor,
    ObjectEmbedder,
    Segmenter,
    Simplifier,
)


def simplifier(options: EngineOptions) -> Simplifier:
    """Build the simplifier of rules and word vectors."""
    from edgeseg.engines.nano.simplifier import NanoSimplifier

    return NanoSimplifier(threads=options.threads)


def detector(options: EngineOptions) -> Detector:
    """Build the detector."""
    from edgeseg.engines.nano.detector import NanoDetector

    return NanoDetector(threads=options.threads)


def segmenter(options: EngineOptions) -> Segmenter:
    """Build the segmenter."""
    from edgeseg.engines.nano.segmenter import NanoSegmenter

    return NanoSegmenter(options.threads, options.mask_logit)


def classes(options: EngineOptions) -> ClassSegmenter:
    """Build the segmenter of classes."""
    from edgeseg.engines.nano.classes import NanoClassSegmenter

    return NanoClassSegmenter(options.threads)


def extractor(options: EngineOptions) -> EntityExtractor:
    """Build the extractor of entities."""
    from edgeseg.engines.nano.extractor import NanoExtractor

    return NanoExtractor()


def embedder(options: EngineOptions) -> ObjectEmbedder:
    """Build the embedder of objects."""
    from edgeseg.engines.nano.embedder import NanoEmbedder

    return NanoEmbedder(threads=options.threads)
