"""How much memory models take together and one after the other, each way in a fresh process."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from edgeseg.engines import registry
from edgeseg.engines.base import Detector, Engine, EngineOptions, Segmenter, Simplifier
from edgeseg.engines.residency import Residency
from edgeseg.engines.weights.sources import WebFile
from edgeseg.engines.weights.store import WeightStore
from edgeseg.errors import EngineError
from edgeseg.platforms import module_command, module_environment
from edgeseg.settings import Role, get_settings
from edgeseg.types import Image, MaskPrompt

Way = Literal["sequential", "resident"]
ROLES: tuple[Role, ...] = ("simplify", "detect", "segment")
# The models of the original pipeline, and the usual pair of grounding and segmenting.
COMBINATIONS: dict[str, tuple[str, ...]] = {
    "original": ("qwen2.5-0.5b", "florence-2-base", "sam-vit-base"),
    "grounded-sam-2": ("nano", "grounding-dino-tiny", "sam2.1-large"),
}
_ORIGINAL = "grounding-dino-original-tiny"
PROMPT, PHRASES = "What could I drink coffee from?", ["cup", "spoon"]
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
    from edgeseg.engines.llm.conversation import opening
    from edgeseg.testing.checkpoints import edge_sam, florence2, grounding_dino, llm, sam, sam2

    # A word is a token, so that prompts are about as long as for the real tokenizer.
    words = sorted({word for turn in opening(PROMPT, None) for word in turn.text.split()})
    return {
        "qwen2.5-0.5b": lambda folder: llm.write(folder, "qwen2", small=False, words=words),
        "florence-2-base": lambda folder: florence2.write(folder, "base"),
        "sam-vit-base": lambda folder: sam.write(folder, "base"),
        "grounding-dino-tiny": lambda folder: grounding_dino.write(folder, "tiny"),
        _ORIGINAL: lambda folder: grounding_dino.write_original(
            folder / "model.pt", folder.parent / _bert(), small=False
        ),
        "edge-sam": edge_sam.write,
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


def provide(engines: Iterable[tuple[Role, str]], folder: Path) -> dict[str, str]:
    """Return random weights by engine where there are none, written into ``folder``."""
    store = WeightStore.from_settings(get_settings())
    overrides = dict(store.overrides)
    for role, name in engines:
        entry = registry.find(role, name)
        if not entry.sources or all(store.find(each) for each in entry.chosen(store)):
            continue
        place = folder / name
        if not place.exists():
            unfinished = place.with_name(name + ".partial")
            unfinished.mkdir(parents=True)
            blank_writers()[name](unfinished)
            unfinished.rename(place)
        # A file has a place of its own; all else is a folder.
        overrides[name] = str(
            place / "model.pt" if isinstance(entry.sources[0], WebFile) else place
        )
    return overrides


def measure(names: Sequence[str], weights: dict[str, str]) -> list[Peak]:
    """Run each stage alone, then all of them sequentially and resident."""
    runs: list[tuple[str, list[Role], Way]] = [
        (f"{role} alone: {name}", [role], "sequential")
        for role, name in zip(ROLES, names, strict=True)
    ]
    runs += [("sequential", list(ROLES), "sequential"), ("resident", list(ROLES), "resident")]
    return [_in_fresh_process(what, names, roles, way, weights) for what, roles, way in runs]


def _in_fresh_process(
    what: str, names: Sequence[str], roles: list[Role], way: Way, weights: dict[str, str]
) -> Peak:
    order = {"what": what, "names": list(names), "roles": roles, "way": way, "weights": weights}
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
    names = dict(zip(ROLES, order["names"], strict=True))
    pixels = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    image = Image.from_array(pixels)
    if "simplify" in order["roles"]:
        _speak_briefly(names["simplify"])
    start = time.perf_counter()
    with Residency(0 if order["way"] == "sequential" else -1, options) as residency:
        for role in order["roles"]:
            with residency.lease(role, names[role]) as engine:
                _use(role, engine, image)
    return Peak(order["what"], peak_rss_mb(), _peak_gpu_mb(), time.perf_counter() - start)


def _speak_briefly(name: str) -> None:
    """Stop a language model early: random weights would go on to the end, in the same memory."""
    module, _, _ = registry.find("simplify", name).target.partition(":")
    if hasattr(importlib.import_module(module), "MAX_TOKENS"):
        importlib.import_module(module).__dict__["MAX_TOKENS"] = 16


def _use(role: Role, engine: Engine, image: Image) -> None:
    """Let an engine do what it does for one request; random weights find nothing by themselves."""
    if role == "simplify":
        cast(Simplifier, engine).simplify(PROMPT, image)
    elif role == "detect":
        cast(Detector, engine).detect(image, PHRASES, box_threshold=0.3, text_threshold=0.25)
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
