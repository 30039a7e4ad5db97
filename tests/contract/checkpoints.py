"""Random weights for the engines whose own come from a hub, a small model of each family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.weights.sources import WebFile
from edgeseg.settings import Role
from edgeseg.testing.checkpoints import edge_sam, florence2, grounding_dino, llm, sam, sam2, sam3

Writer = Callable[[Sequence[Path]], None]


def _sam2(places: Sequence[Path]) -> None:
    sam2.write(places[0].parent)
    (places[0].parent / "model.pt").rename(places[0])


def _original(places: Sequence[Path]) -> None:
    grounding_dino.write_original(places[0], places[1])


# What a language model says, whatever it is asked: nonsense would go on for long.
ANSWER = '"cat"], "filters": []}'
# A writer puts weights to where each of the engine's sources would be.
WRITERS: dict[str, Writer] = {
    "grounding-dino-tiny": lambda places: grounding_dino.write(places[0]),
    "mm-grounding-dino-tiny": lambda places: grounding_dino.write(places[0], mm=True),
    "grounding-dino-original-tiny": _original,
    "florence-2-base": lambda places: florence2.write(places[0]),
    "sam3": lambda places: sam3.write(places[0]),
    "sam2.1-tiny": _sam2,
    "sam-vit-base": lambda places: sam.write(places[0]),
    "sam-hq-vit-base": lambda places: sam.write(places[0], hq=True),
    "edge-sam": lambda places: edge_sam.write(places[0].parent, places[0].name),
    "qwen3-0.6b": lambda places: llm.write(places[0], "qwen3", says=ANSWER),
    "qwen2.5-0.5b": lambda places: llm.write(places[0], "qwen2", says=ANSWER),
    "qwen3-vl-2b": lambda places: llm.write(places[0], "qwen3-vl", says=ANSWER),
}


def with_weights(role: Role, name: str, options: EngineOptions) -> EngineOptions:
    """Return options with a store that holds the engine's weights, written if they are missing."""
    entry = registry.find(role, name)
    store = options.store
    if entry.missing(store):
        torch.manual_seed(0)
        places = []
        for source in entry.sources:
            place = store.root / source.folder
            place.mkdir(parents=True)
            places.append(place / source.name if isinstance(source, WebFile) else place)
        WRITERS[name](places)
    return options
