"""How much memory models take together and one after the other, each way in a fresh process."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from edgeseg.engines import registry
from edgeseg.engines.base import (
    Detector,
    Engine,
    EngineOptions,
    EntityExtractor,
    Grounder,
    ObjectEmbedder,
    Segmenter,
    Simplifier,
)
from edgeseg.engines.residency import Residency
from edgeseg.engines.weights.sources import WebFile
from edgeseg.engines.weights.store import WeightStore
from edgeseg.errors import EngineError
from edgeseg.pipeline import EdgeSegAI
from edgeseg.platforms import module_command, module_environment
from edgeseg.settings import Role, Settings, get_settings
from edgeseg.types import Image, MaskPrompt

Way = Literal["sequential", "resident"]
# The models of the original pipelines, and the usual pair of grounding and segmenting.
COMBINATIONS: dict[str, dict[Role, str]] = {
    "original": {
        "simplify": "qwen2.5-0.5b",
        "detect": "florence-2-base",
        "segment": "sam-vit-base",
    },
    "grounded-sam-2": {
        "simplify": "nano",
        "detect": "grounding-dino-tiny",
        "segment": "sam2.1-large",
    },
    "entities": {"extract": "qwen3-vl-2b", "ground": "sam3", "embed": "dinov3-vitb16"},
}
_ORIGINAL = "grounding-dino-original-tiny"
PROMPT, PHRASES = "What could I drink coffee from?", ["cup", "spoon"]
TEXT = "A dog on a red sofa beside a lamp and a wooden table"
ENTITIES = ["dog", "sofa", "lamp", "wooden table"]
BOXES = ((40.0, 60.0, 400.0, 380.0), (300.0, 100.0, 620.0, 460.0), (0.0, 0.0, 640.0, 480.0))


@dataclass(frozen=True)
class Peak:
    """What one process took: memory at its highest in megabytes, and seconds."""

    what: str
    rss_mb: float
    gpu_mb: float | None
    seconds: float


def blank_writers() -> dict[str, Callable[[Path], None]]:
    """Return what writes random weights of the real size into a folder, by engine."""
    from edgeseg.engines.llm import conversation, extractor
    from edgeseg.testing.checkpoints import (
        dinov3,
        edge_sam,
        florence2,
        grounding_dino,
        llm,
        mobile_sam,
        sam,
        sam2,
        sam3,
    )

    # A word is a token, so that prompts are about as long as for the real tokenizer.
    messages = [*conversation.opening(PROMPT, None), *extractor.opening(TEXT, None)]
    words = sorted({word for each in messages for word in each.text.split()})
    return {
        "qwen3-vl-2b": lambda folder: llm.write(folder, "qwen3-vl", small=False, words=words),
        "sam3": lambda folder: sam3.write(folder, small=False),
        "dinov3-vitb16": lambda folder: dinov3.write(folder, small=False),
        "qwen2.5-0.5b": lambda folder: llm.write(folder, "qwen2", small=False, words=words),
        "florence-2-base": lambda folder: florence2.write(folder, "base"),
        "sam-vit-base": lambda folder: sam.write(folder, "base"),
        "sam-vit-huge": lambda folder: sam.write(folder, "huge"),
        "grounding-dino-tiny": lambda folder: grounding_dino.write(folder, "tiny"),
        _ORIGINAL: lambda folder: grounding_dino.write_original(
            folder / "model.pt", folder.parent / _bert(), small=False
        ),
        "edge-sam": lambda folder: edge_sam.write(folder, "model.pt"),
        "mobile-sam": lambda folder: mobile_sam.write(folder, "model.pt"),
        "sam2.1-tiny": lambda folder: sam2.write(folder, small=False),
        "sam2.1-large": lambda folder: sam2.write(folder, "sam2.1_hiera_l", small=False),
    }


def _bert() -> str:
    """Return the folder of the text encoder that the original checkpoints are used with."""
    source = registry.find("detect", _ORIGINAL).sources[1]
    return source.folder


def provided(engines: Iterable[tuple[Role, str]], folder: Path) -> WeightStore:
    """Return a store without downloads in which nothing is missing; ``folder`` as for `provide`."""
    engines = list(engines)
    store = WeightStore.from_settings(get_settings())
    overrides = provide(engines, folder)
    root = store.root if overrides == dict(store.overrides) else folder
    return WeightStore(root, offline=True, overrides=overrides)


def provide(
    engines: Iterable[tuple[Role, str]],
    folder: Path,
    progress: Callable[[str], None] = lambda what: None,
) -> dict[str, str]:
    """Return random weights by engine where there are none, written into ``folder``."""
    store = WeightStore.from_settings(get_settings())
    overrides = dict(store.overrides)
    for role, name in engines:
        entry = registry.find(role, name)
        if not entry.sources or all(store.find(each) for each in entry.chosen(store)):
            continue
        place = folder / name
        if not place.exists():
            progress(f"random weights: {name}")
            unfinished = place.with_name(name + ".partial")
            unfinished.mkdir(parents=True)
            blank_writers()[name](unfinished)
            unfinished.rename(place)
        # A file has a place of its own; all else is a folder.
        overrides[name] = str(
            place / "model.pt" if isinstance(entry.sources[0], WebFile) else place
        )
    return overrides


def measure(
    names: Mapping[Role, str],
    weights: dict[str, str],
    progress: Callable[[str], None] = lambda what: None,
) -> list[Peak]:
    """Run each stage alone, then all of them sequentially and resident.

    ``progress`` is told what runs next.
    """
    runs: list[tuple[str, list[Role], Way]] = [
        (f"{role} alone: {name}", [role], "sequential") for role, name in names.items()
    ]
    runs += [("sequential", list(names), "sequential"), ("resident", list(names), "resident")]
    peaks = []
    for what, roles, way in runs:
        progress(what)
        peaks.append(_in_fresh_process(what, names, roles, way, weights))
    return peaks


def _in_fresh_process(
    what: str, names: Mapping[Role, str], roles: list[Role], way: Way, weights: dict[str, str]
) -> Peak:
    order = {"what": what, "names": dict(names), "roles": roles, "way": way, "weights": weights}
    done = subprocess.run(
        [*module_command("edgeseg.benchmarks.memory"), json.dumps(order)],
        env=module_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Peak(**json.loads(done.stdout.strip().splitlines()[-1]))


def run_here(order: dict[str, Any]) -> Peak:
    """Carry out one run in this process."""
    settings = get_settings().model_copy(update={"weights": order["weights"], "offline": True})
    options = EngineOptions.from_settings(settings)
    names: dict[Role, str] = order["names"]
    ttl = 0 if order["way"] == "sequential" else -1
    image = Image.from_array(_noise(0))
    for role in ("simplify", "extract"):
        if role in order["roles"]:
            _limit_tokens(role, names[role])
    start = time.perf_counter()
    if {"extract", "embed"} <= set(order["roles"]):
        _segment_entities(names, settings, ttl)
    else:
        with Residency(ttl, options) as residency:
            for role in order["roles"]:
                with residency.lease(role, names[role]) as engine:
                    _use(role, engine, image)
    return Peak(order["what"], peak_rss_mb(), _peak_gpu_mb(), time.perf_counter() - start)


def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (480, 640, 3), dtype=np.uint8)


def _segment_entities(names: Mapping[Role, str], settings: Settings, ttl: float) -> None:
    """Take a text and two images through the whole path; random weights see everything."""
    with EdgeSegAI(
        grounder=names["ground"],
        extractor=names["extract"],
        embedder=names["embed"],
        settings=settings,
        ttl=ttl,
    ) as ai:
        ai.segment_entities(TEXT, [_noise(0)], _noise(1), box_threshold=0, text_threshold=0)


def _limit_tokens(role: Role, name: str) -> None:
    """Stop a language model early: random weights would go on to the end, in the same memory."""
    from edgeseg.engines.llm import extractor

    module = importlib.import_module(registry.find(role, name).target.partition(":")[0])
    if hasattr(module, "MAX_TOKENS"):
        module.__dict__["MAX_TOKENS"] = extractor.MAX_TOKENS = 16


def _use(role: Role, engine: Engine, image: Image) -> None:
    """Let an engine do what it does for one request; random weights find nothing by themselves."""
    if role == "simplify":
        cast(Simplifier, engine).simplify(PROMPT, image)
    elif role == "extract":
        cast(EntityExtractor, engine).extract(TEXT, image)
    elif role == "detect":
        cast(Detector, engine).detect(image, PHRASES, box_threshold=0.3, text_threshold=0.25)
    elif role == "ground":
        cast(Grounder, engine).ground(image, ENTITIES, box_threshold=0, text_threshold=0)
    elif role == "embed":
        masks = np.ones((len(BOXES), *image.size_hw), bool)
        cast(ObjectEmbedder, engine).embed_objects(image, masks)
    else:
        segmenter = cast(Segmenter, engine)
        segmenter.segment(segmenter.embed(image), [MaskPrompt(box_xyxy=box) for box in BOXES])


def peak_rss_mb() -> float:
    """Resident memory at its highest since this program began, mapped files included.

    Raises EngineError on systems without /proc.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError as error:
        raise EngineError("Memory is measured on Linux only.") from error
    (line,) = (row for row in status.splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def _peak_gpu_mb() -> float | None:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return float(torch.cuda.max_memory_allocated()) / 1e6


if __name__ == "__main__":
    print(json.dumps(asdict(run_here(json.loads(sys.argv[1])))))  # noqa: T201
