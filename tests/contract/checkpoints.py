"""Random weights for the engines whose own come from a hub, a small model of each family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.weights.sources import HubRepo, WebFolder
from edgeseg.settings import Role
from edgeseg.testing.checkpoints import (
    dinov3,
    edge_sam,
    florence2,
    fpseg,
    grounding_dino,
    llm,
    mobile_sam,
    nanodet,
    sam,
    sam2,
    sam3,
)

Writer = Callable[[Sequence[Path]], None]


def _sam2(places: Sequence[Path]) -> None:
    sam2.write(places[0].parent)
    (places[0].parent / "model.pt").rename(places[0])


def _original(places: Sequence[Path]) -> None:
    grounding_dino.write_original(places[0], places[1])


# What a language model says, whatever it is asked: nonsense would go on for long.
ANSWERS: dict[Role, str] = {
    "simplify": '"cat"], "filters": []}',
    "extract": '"dog", "red sofa"]}',
    "detect": '{"label": "cat", "bbox_2d": [100, 200, 500, 900]}]}',
}
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
    "dinov3-vitb16": lambda places: dinov3.write(places[0]),
    "edge-sam": lambda places: edge_sam.write(places[0].parent, places[0].name),
    "fpseg": lambda places: fpseg.write(places[0].parent, places[0].name),
    "nanodet-plus": lambda places: nanodet.write(places[0]),
    "mobile-sam": lambda places: mobile_sam.write(places[0].parent, places[0].name),
}
FAMILIES: dict[str, llm.Family] = {
    "qwen3-0.6b": "qwen3",
    "qwen2.5-0.5b": "qwen2",
    "qwen3-vl-2b": "qwen3-vl",
}


def with_weights(role: Role, name: str, options: EngineOptions) -> EngineOptions:
    """Return options with a store that holds the engine's weights, written if they are missing."""
    entry = registry.find(role, name)
    store = options.store
    if name in FAMILIES and role != "simplify":
        # A language model answers each role in another form.
        store = replace(store, root=store.root / role)
    if entry.missing(store):
        torch.manual_seed(0)
        places = []
        for source in entry.sources:
            place = store.root / source.folder
            place.mkdir(parents=True)
            if not isinstance(source, HubRepo | WebFolder):
                place /= source.name
            places.append(place)
        if name in FAMILIES:
            llm.write(places[0], FAMILIES[name], says=ANSWERS[role])
        else:
            WRITERS[name](places)
    return replace(options, store=store)
