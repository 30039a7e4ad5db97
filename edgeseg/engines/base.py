"""The roles that a model can play; an engine is stateless to its callers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, cast, runtime_checkable

from pydantic import SecretStr

from edgeseg.engines.weights.store import WeightStore
from edgeseg.environment import EncoderRuntime
from edgeseg.errors import InvalidParameterError
from edgeseg.roles import DEVICES
from edgeseg.schemas import EngineRan, EntityExtraction, Simplification
from edgeseg.settings import Settings, get_settings
from edgeseg.types import (
    BoolArray,
    Candidates,
    ClassLogits,
    Detections,
    Embedding,
    FloatArray,
    Image,
    MaskCount,
    MaskPrompt,
    Masks,
)


@dataclass(frozen=True)
class LanguageServer:
    """Where a language model answers over HTTP, and how long it is waited for.

    The key is for its address alone, and never shown.
    """

    url: str
    model: str
    key: SecretStr | None = None
    timeout_s: float = 30.0
    sees_images: bool = False

    @classmethod
    def from_settings(cls, settings: Settings) -> LanguageServer | None:
        """Take it from the settings; None where no address or model is set."""
        if not settings.llm_url or not settings.llm_model:
            return None
        return cls(
            settings.llm_url,
            settings.llm_model,
            settings.llm_key,
            settings.llm_timeout_s,
            settings.llm_images,
        )


@dataclass(frozen=True)
class EngineOptions:
    """How an engine is to be loaded; an engine ignores what does not concern it.

    The registry fills in ``name``, and in ``weights`` where each of the entry's sources lies.
    """

    device: str = "auto"
    threads: int | None = None
    fake_latency_s: float = 0.0
    dtype: str = "auto"
    store: WeightStore = field(default_factory=lambda: WeightStore.from_settings(get_settings()))
    name: str = ""
    weights: tuple[Path, ...] = ()
    language_server: LanguageServer | None = None
    encoder_runtime: EncoderRuntime = "torch"
    mask_threshold: float = 0.5
    edge_sam_input_px: int = 1024
    edge_sam_click_box: Literal["merged", "best", "off"] = "merged"
    extract_image: bool = False
    fake_item_latency_s: float | None = None

    @property
    def mask_logit(self) -> float:
        """The mask threshold as a logit: 0 for a probability of a half."""
        return math.log(self.mask_threshold / (1 - self.mask_threshold))

    def __post_init__(self) -> None:
        if not re.match(DEVICES, self.device):
            raise InvalidParameterError(
                f"device: expected auto, cpu, cuda, cuda:1 or mps, got {self.device!r}."
            )

    @classmethod
    def from_settings(cls, settings: Settings) -> EngineOptions:
        """Take what concerns engines from the settings."""
        return cls(
            settings.device,
            settings.threads,
            settings.fake_latency_s,
            settings.dtype,
            WeightStore.from_settings(settings),
            fake_item_latency_s=settings.fake_item_latency_s,
            language_server=LanguageServer.from_settings(settings),
            encoder_runtime=settings.encoder_runtime,
            mask_threshold=settings.mask_threshold,
            edge_sam_input_px=settings.edge_sam_input_px,
            edge_sam_click_box=settings.edge_sam_click_box,
            extract_image=settings.extract_image,
        )


@runtime_checkable
class Engine(Protocol):
    """A loaded model; ``device`` and ``dtype`` say where and in what it really runs."""

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    def close(self) -> None:
        """Free the model; calling it again does nothing, any other call fails."""


def ran(engine: Engine) -> EngineRan:
    """Say which engine ran, and where."""
    return EngineRan(name=engine.name, device=engine.device, dtype=engine.dtype)


@runtime_checkable
class Simplifier(Engine, Protocol):
    """Turns a prompt into phrases that can be detected and filters over their boxes.

    One that is faster for several prompts at once has a method ``simplify_many`` too, which takes
    SimplifyCalls and returns what `simplify` returns for each.

    One that accepts the image has an attribute ``accepts_image`` that is true; others
    may be given none.
    """

    def simplify(self, prompt: str, image: Image | None = None) -> Simplification:
        """Return phrases and filters; a prompt that cannot be improved passes unchanged."""


@runtime_checkable
class Detector(Engine, Protocol):
    """Finds boxes for phrases.

    One that is faster for several images at once has a method ``detect_many`` too, which takes
    DetectCalls and returns what `detect` returns for each.
    """

    def detect(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> Detections:
        """Return boxes in pixels of the image, best first; labels are the phrases as given.

        Thresholds are in 0..1. No phrase or nothing found: empty detections.
        """


@dataclass(frozen=True)
class SimplifyCall:
    """The arguments of `Simplifier.simplify`, as one of several in ``simplify_many``."""

    prompt: str
    image: Image | None = None


@dataclass(frozen=True)
class DetectCall:
    """The arguments of `Detector.detect`, as one of several in ``detect_many``."""

    image: Image
    phrases: tuple[str, ...]
    box_threshold: float
    text_threshold: float

    def alone(self, engine: Engine) -> Detections:
        """Return what the engine detects for this call alone."""
        return cast(Detector, engine).detect(
            self.image,
            self.phrases,
            box_threshold=self.box_threshold,
            text_threshold=self.text_threshold,
        )


@dataclass(frozen=True)
class SegmentCall:
    """The arguments of `Segmenter.segment`, as one of several in ``segment_many``."""

    embedding: Embedding
    prompts: tuple[MaskPrompt, ...]


@dataclass(frozen=True)
class MaskQuality:
    """How good a mask of a click on anything must be to be shown, where nobody says it.

    Segmenters differ in how sure of themselves they are.
    """

    predicted_iou: float = 0.88
    stability: float = 0.95


@runtime_checkable
class Segmenter(Engine, Protocol):
    """Turns boxes and points into masks.

    One that is faster for several images at once has the methods ``embed_many``, which takes
    images, or ``segment_many``, which takes SegmentCalls; both return what the method for one does.
    """

    @property
    def mask_quality(self) -> MaskQuality: ...

    def embed(self, image: Image) -> Embedding:
        """Compute what all prompts on this image share."""

    def segment(self, embedding: Embedding, prompts: Sequence[MaskPrompt]) -> Masks:
        """Return one mask per prompt, in order, in pixels of the embedded image."""

    def candidates(
        self,
        embedding: Embedding,
        prompts: Sequence[MaskPrompt],
        count: MaskCount = 3,
        *,
        quick: bool = False,
    ) -> Candidates:
        """Return ``count`` masks per prompt, in order, as the decoder makes them.

        An engine that makes one mask per prompt returns that one, whatever the count. ``quick`` is
        for many prompts of which few are kept: one that improves its masks step by step may leave
        the later steps out.
        """


@dataclass(frozen=True)
class ClassBase:
    """What prompts of classes were tuned with: they mean nothing to any other.

    The fingerprints are those of the weights; ``width`` is the number of a prompt's channels.
    """

    encoder: str
    encoder_fingerprint: str
    decoder_fingerprint: str
    width: int


@runtime_checkable
class ClassSegmenter(Engine, Protocol):
    """Turns tuned prompts of classes into a map for each.

    ``classes_at_once`` is how many it decodes between two looks at a deadline: more are faster,
    fewer keep it closer.
    """

    @property
    def classes_at_once(self) -> int:
        """At least 1."""

    @property
    def base(self) -> ClassBase | None:
        """What a pack must have been tuned with; None: any pack is taken."""

    def embed(self, image: Image) -> Embedding:
        """Compute what all classes on this image share."""

    def decode_classes(self, embedding: Embedding, prompts: FloatArray) -> ClassLogits:
        """Return N maps for (N, T, C) float32 prompts, each by its own prompt alone."""


@runtime_checkable
class Grounder(Engine, Protocol):
    """Finds boxes and masks for phrases in one step."""

    def ground(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> tuple[Detections, Masks]:
        """Return boxes as `Detector.detect` does, and the mask of each."""


@runtime_checkable
class EntityExtractor(Engine, Protocol):
    """Reads the entities of a text.

    One that looks at the generated image says so by an attribute ``accepts_image`` that is true.
    """

    def extract(self, text: str, image: Image | None = None) -> EntityExtraction:
        """Return the physical things that a text names, each once, and how they stand."""


@runtime_checkable
class ObjectEmbedder(Engine, Protocol):
    """Turns objects into vectors that are similar for the same thing in another image."""

    def embed_objects(self, image: Image, masks: BoolArray) -> FloatArray:
        """Return (N, D) float32 vectors of length 1 for (N, H, W) masks of the image."""
