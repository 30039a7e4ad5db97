"""The plan of a request, and EdgeSegAI, which carries it out in one process."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, overload

from edgeseg import stages
from edgeseg.codecs import ImageSource, load_image
from edgeseg.engines import registry
from edgeseg.engines.base import (
    Detector,
    Engine,
    EngineOptions,
    Grounder,
    Segmenter,
    Simplifier,
    ran,
)
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.engines.residency import Residency
from edgeseg.errors import (
    EdgeSegError,
    InvalidImageError,
    NoImageError,
    NotEnoughMemoryError,
    StageFailedError,
    is_memory_error,
)
from edgeseg.schemas import (
    DetectRequest,
    EngineChoice,
    EngineRan,
    ImageInfo,
    RefineRequest,
    SegmentationResult,
    SegmentedObject,
    SegmentRequest,
    Simplification,
    SimplifyMode,
    SimplifyRequest,
    TileMode,
    parse,
)
from edgeseg.segmentation import Segmentation
from edgeseg.settings import Role, Settings, get_settings
from edgeseg.types import Detections, Image

Progress = Callable[[Role, int, int], None]
# A few images' embeddings, so that refining is fast and memory stays small.
_EMBEDDING_BYTES = 64 * 1024 * 1024


def plan(request: SimplifyRequest | DetectRequest, grounder: str | None = None) -> tuple[Role, ...]:
    """Return the stages that a request goes through, in order.

    ``grounder`` is the grounding engine that the settings choose, if any.
    """
    if isinstance(request, SimplifyRequest):
        return ("simplify",)
    first: tuple[Role, ...] = () if request.simplify == "never" else ("simplify",)
    if not isinstance(request, SegmentRequest):
        return (*first, "detect")
    if request.engines.ground or (grounder and not request.engines.detect):
        return (*first, "ground")
    return (*first, "detect", "segment")


@dataclass
class _Job:
    """One image on its way through the plan."""

    source: ImageSource
    request: SegmentRequest
    simplification: Simplification
    detections: Detections = field(default_factory=Detections.empty)
    objects: list[SegmentedObject] = field(default_factory=list)
    image: Image | None = None
    size_hw: tuple[int, int] = (0, 0)
    timings_ms: dict[str, float] = field(default_factory=dict)
    engines: dict[Role, EngineRan] = field(default_factory=dict)
    error: EdgeSegError | None = None

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.spend(what, (time.perf_counter() - start) * 1000)

    def spend(self, what: str, ms: float) -> None:
        self.timings_ms[what] = round(self.timings_ms.get(what, 0.0) + ms, 3)

    def needs(self, role: Role) -> bool:
        """Say whether a stage has anything to do: no boxes, no masks."""
        return role != "segment" or len(self.detections) > 0


class EdgeSegAI:
    """Segments images from words in this process.

    Engines are chosen by name (see :mod:`edgeseg.engines.registry`) or by the settings. ``ttl``
    says how long an engine stays loaded after use: 0 frees it before the next one loads, so that
    memory holds one at a time; -1 keeps all; any other number is seconds. Safe to use from several
    threads.
    """

    def __init__(
        self,
        simplifier: str | None = None,
        detector: str | None = None,
        segmenter: str | None = None,
        grounder: str | None = None,
        *,
        ttl: float = 0,
        device: str | None = None,
        threads: int | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or get_settings()
        chosen = {
            "simplify": simplifier,
            "detect": detector,
            "segment": segmenter,
            "ground": grounder,
        }
        self._names: dict[Role, str | None] = {}
        for role in registry.ROLES:
            self._names[role] = chosen[role] or self.settings.engine_for(role)
        if grounder is None and (detector or segmenter):
            self._names["ground"] = None
        for role, name in self._names.items():
            if name is not None:
                registry.find(role, name)
        options = EngineOptions.from_settings(self.settings)
        self.residency = Residency(
            ttl,
            replace(
                options,
                device=device or options.device,
                threads=threads or options.threads,
            ),
        )
        self._embeddings = EmbeddingCache(_EMBEDDING_BYTES)

    def __enter__(self) -> EdgeSegAI:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free all engines; they load again when they are needed."""
        self.residency.close()

    def simplify(self, prompt: str) -> Simplification:
        """Return the phrases and filters that a prompt stands for."""
        request = parse(SimplifyRequest, {"text_prompt": prompt})
        with self._engine("simplify", None) as engine:
            return stages.simplify(cast(Simplifier, engine), request)

    def segment_image(
        self,
        image_path: ImageSource | None = None,
        prompt: str = "",
        *,
        image: ImageSource | None = None,
        box_threshold: float = 0.35,
        text_threshold: float = 0.25,
        simplify: SimplifyMode = "auto",
        negative_prompt: str | None = None,
        max_objects: int | None = None,
        class_thresholds: Mapping[str, float] | None = None,
        tile: TileMode = "auto",
    ) -> Segmentation:
        """Segment what the prompt names in one image.

        The image is a path, file bytes, (H, W, 3) uint8 RGB pixels or a Pillow image, given as
        ``image_path`` or ``image``. Raises an InputError for a prompt, image or number that cannot
        be used, and EngineUnavailableError for an engine that cannot run here.
        """
        source = image_path if image_path is not None else image
        if source is None:
            raise NoImageError("No image was given: pass image_path or image.")
        return self.segment_images(
            [source],
            [prompt],
            box_threshold=box_threshold,
            text_threshold=text_threshold,
            simplify=simplify,
            negative_prompt=negative_prompt,
            max_objects=max_objects,
            class_thresholds=dict(class_thresholds or {}),
            tile=tile,
        )[0]

    @overload
    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: Literal[False] = False,
        **parameters: Any,
    ) -> list[Segmentation]: ...

    @overload
    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: Literal[True],
        **parameters: Any,
    ) -> list[Segmentation | EdgeSegError]: ...

    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: bool = False,
        **parameters: Any,
    ) -> list[Segmentation] | list[Segmentation | EdgeSegError]:
        """Segment many images stage by stage, so that each engine is loaded once.

        ``prompt`` is one for all, or one for each; ``parameters`` are those of
        :meth:`segment_image`. ``progress`` is called with the stage, how many images it has done
        and how many there are. With ``return_errors`` an image that fails leaves its error in its
        place instead of ending the work.
        """
        prompts = [prompt] * len(images) if isinstance(prompt, str) else list(prompt)
        if len(prompts) != len(images):
            raise ValueError(f"prompt: expected {len(images)} prompts, got {len(prompts)}")
        jobs = [
            self._job(source, text, parameters)
            for source, text in zip(images, prompts, strict=True)
        ]
        if len(jobs) == 1 and not return_errors:
            # One image is decoded once and first; many would not fit into memory together.
            with jobs[0].timed("decode"):
                jobs[0].image = load_image(jobs[0].source, self.settings)
        steps = plan(jobs[0].request, self._names["ground"]) if jobs else ()
        for role in steps:
            self._run(role, jobs, progress, return_errors)
        return [job.error or self._result(job) for job in jobs]

    def refine(
        self, segmentation: Segmentation, request: RefineRequest | None = None, **parameters: Any
    ) -> Segmentation:
        """Correct one object, or add one, by points or a box.

        Takes a RefineRequest or its fields, and returns a new result. Raises what
        :func:`edgeseg.stages.refine` raises.
        """
        wanted = request or parse(RefineRequest, parameters)
        image = segmentation.image
        with self._engine("segment", wanted.engines) as engine:
            made = stages.refine(
                cast(Segmenter, engine), image, wanted, segmentation.objects, self._embeddings
            )
        objects = [made if each.id == made.id else each for each in segmentation.objects]
        if made.id not in {each.id for each in objects}:
            objects.append(made)
        changed = segmentation.result.model_copy(update={"objects": objects})
        return Segmentation(changed, image, self.settings, segmentation.file_name)

    def _job(self, source: ImageSource, prompt: str, parameters: Mapping[str, Any]) -> _Job:
        request = parse(SegmentRequest, {"text_prompt": prompt, **parameters})
        return _Job(source, request, stages.as_it_is(request))

    def _engine(self, role: Role, choice: EngineChoice | None) -> AbstractContextManager[Engine]:
        name = getattr(choice, role, None) or self._names[role]
        return self.residency.lease(role, str(name))

    def _run(
        self, role: Role, jobs: list[_Job], progress: Progress | None, keep_going: bool
    ) -> None:
        """Take all images through one stage under one lease, if any of them needs it."""
        waiting = [job for job in jobs if job.error is None and job.needs(role)]
        if not waiting:
            return
        start = time.perf_counter()
        with self._engine(role, jobs[0].request.engines) as engine:
            load_ms = (time.perf_counter() - start) * 1000
            for done, job in enumerate(waiting, 1):
                try:
                    self._step_or_error(role, engine, job)
                except EdgeSegError as error:
                    if not keep_going:
                        raise
                    job.error = error
                read_by = job.simplification.engine if role == "simplify" else None
                job.engines[role] = read_by or ran(engine)
                job.spend("load", load_ms / len(waiting))
                if progress is not None:
                    progress(role, done, len(waiting))

    def _step_or_error(self, role: Role, engine: Engine, job: _Job) -> None:
        """Run one stage; what an engine's own libraries raise becomes a StageFailedError."""
        try:
            self._step(role, engine, job)
        except EdgeSegError:
            raise
        except Exception as error:
            if is_memory_error(error):
                raise NotEnoughMemoryError(
                    f"There is not enough memory to {role}; use a smaller image or engine.",
                    role=role,
                    engine=engine.name,
                ) from error
            raise StageFailedError(
                f"The engine {engine.name!r} failed to {role}: {type(error).__name__}: {error}",
                role=role,
                engine=engine.name,
            ) from error

    def _step(self, role: Role, engine: Engine, job: _Job) -> None:
        if role != "simplify":
            image = self._image(job)
            with job.timed(role):
                self._see(role, engine, job, image)
            return
        seen = self._image(job) if getattr(engine, "looks_at_image", False) else None
        with job.timed("simplify"):
            job.simplification = stages.simplify(cast(Simplifier, engine), job.request, seen)

    def _image(self, job: _Job) -> Image:
        image = job.image
        if image is None:
            try:
                with job.timed("decode"):
                    image = load_image(job.source, self.settings)
            except (TypeError, ValueError) as error:
                raise InvalidImageError(str(error)) from error
        job.size_hw = image.size_hw
        return image

    def _see(self, role: Role, engine: Engine, job: _Job, image: Image) -> None:
        """Run one of the stages that look at the image."""
        if role == "detect":
            job.detections = stages.detect(
                cast(Detector, engine), image, job.request, job.simplification
            )
        elif role == "segment":
            job.objects = stages.segment(
                cast(Segmenter, engine), image, job.detections, self._embeddings, job.request.tile
            )
        else:
            job.objects = stages.ground(
                cast(Grounder, engine), image, job.request, job.simplification
            )

    def _result(self, job: _Job) -> Segmentation:
        height, width = job.size_hw
        total = round(sum(job.timings_ms.values()), 3)
        result = SegmentationResult(
            task_id=uuid.uuid4().hex,
            prompt=job.request.text_prompt,
            simplified_prompt=job.simplification.simplified_prompt,
            simplify_reason=job.simplification.reason,
            phrases=job.simplification.phrases,
            filters=job.simplification.filters,
            image=ImageInfo(width=width, height=height),
            objects=job.objects,
            timings_ms={**job.timings_ms, "total": total},
            engines=job.engines,
            warnings=job.simplification.warnings,
        )
        return Segmentation(result, job.source, self.settings)
