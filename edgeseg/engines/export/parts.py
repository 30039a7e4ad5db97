"""The parts of an engine as graphs: an encoder for all of SAM's family, a decoder for some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from edgeseg.engines.compiled.openvino import Encoder
from edgeseg.engines.edge_sam.engine import EdgeSamSegmenter
from edgeseg.engines.export.graphs import Graph, decoder_graph, encoder_graph
from edgeseg.engines.export.options import ExportOptions, Target
from edgeseg.engines.mobile_sam.engine import MobileSamSegmenter
from edgeseg.engines.sam.base import SamEngine
from edgeseg.types import Image

# Names of the maps that an encoder gives, by their number: SAM, SAM-HQ, SAM 2.
MAPS = {
    1: ("image_embeddings",),
    2: ("image_embeddings", "early_embeddings"),
    3: ("high_res_features_0", "high_res_features_1", "image_embeddings"),
}


@dataclass(frozen=True)
class Parts:
    """An engine's graphs; some engines are exported without their decoder."""

    encoder: Graph
    decoder: Graph | None

    def named(self) -> list[tuple[str, Graph]]:
        """Return the graphs that there are, with their names."""
        graphs = [("encoder", self.encoder)]
        return graphs if self.decoder is None else [*graphs, ("decoder", self.decoder)]


def parts_of(engine: SamEngine, target: Target, options: ExportOptions) -> Parts:
    """Return what is exported of a loaded engine."""
    if not isinstance(engine, EdgeSamSegmenter):
        return Parts(_any_encoder(engine), None)
    model = engine.model
    stability = options.stability_score
    if stability is None:
        stability = not isinstance(engine, MobileSamSegmenter)
    if hasattr(model.image_encoder, "fuse_stage3"):
        is_bilinear = options.enlarges_bilinearly(target)
        model.image_encoder.fuse_stage3.mode = "bilinear" if is_bilinear else "bicubic"
    decoder = decoder_graph(
        model,
        engine.input_px,
        stability_score=stability,
        padding_point=options.pads(target),
        mask_input=options.mask_input,
    )
    takes_pixels = target == "coreml" and options.image_input
    return Parts(encoder_graph(model, engine.input_px, takes_pixels), decoder)


def _any_encoder(engine: SamEngine) -> Graph:
    shape = engine.pixels(Image.from_array(np.zeros((1, 1, 3), np.uint8))).shape
    image = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps = engine.network(image)
    module = Encoder(engine.model, engine.network).eval()
    return Graph(module, {"image": image}, MAPS[len(maps)], {})
