"""EdgeSegAI: requests carried out in this process, one stage at a time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Unpack, overload

from edgeseg.classes import PackStore, describe
from edgeseg.codecs import ImageSource, load_image
from edgeseg.engines import registry
from edgeseg.engines.base import Engine, EngineOptions
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.engines.residency import Residency
from edgeseg.entity_result import EntitySegmentation, entity_sources, names_of
from edgeseg.entity_run import EntitiesRun
from edgeseg.errors import EdgeSegError, NoImageError
from edgeseg.exporters import Export, export
from edgeseg.result import Segmentation, image_results_of
from edgeseg.run import Run, step_many
from edgeseg.schemas import (
    ClassesRequest,
    ClassOptions,
    DetectionResult,
    DetectRequest,
    EngineChoice,
    EngineInfo,
    EntitiesRequest,
    EntityOptions,
    MaskOptions,
    MasksRequest,
    PackInfo,
    RefineRequest,
    SegmentationResult,
    SegmentOptions,
    SegmentRequest,
    Simplification,
    SimplifyRequest,
    parse,
    plan,
)
from edgeseg.settings import Role, Settings, get_settings
from edgeseg.types import ImageProgress, Progress

# A few images' embeddings, so that refining is fast and memory stays small.
_EMBEDDING_BYTES = 64 * 1024 * 1024


class EdgeSegAI:
    """Segments images from words in this process.

    Engines are chosen by name (see `edgeseg.engines.registry`) or by the settings. ``ttl``
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
        extractor: str | None = None,
        embedder: str | None = None,
        classifier: str | None = None,
        ttl: float = 0,
        device: str | None = None,
        threads: int | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or get_settings()
        chosen: dict[Role, str | None] = {
            "simplify": simplifier,
            "extract": extractor,
            "detect": detector,
            "segment": segmenter,
            "ground": grounder,
            "embed": embedder,
            "classify": classifier,
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
        self._packs = PackStore(self.settings.class_packs)

    def __enter__(self) -> EdgeSegAI:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free all engines; they load again when they are needed."""
        self.residency.close()

    def simplify(self, prompt: str, engines: Mapping[str, str] | None = None) -> Simplification:
        """Return the phrases and filters that a prompt stands for; ``engines`` are by role."""
        run = Run(parse(SimplifyRequest, {"text_prompt": prompt, "engines": dict(engines or {})}))
        self._step("simplify", [run], None, keep_going=False)
        result = run.result(uuid.uuid4().hex)
        assert isinstance(result, Simplification)
        return result

    def detect(
        self, image: ImageSource, prompt: str, **options: Unpack[SegmentOptions]
    ) -> DetectionResult:
        """Return the boxes of what the prompt names in one image, without masks.

        Raises what `segment_image` raises.
        """
        run = self._run(image, prompt, options, DetectRequest)
        run.keeps_image = True
        run.image()
        for role in plan(run.request):
            self._step(role, [run], None, keep_going=False)
        result = run.result(uuid.uuid4().hex)
        assert isinstance(result, DetectionResult)
        return result

    def segment_image(
        self,
        image_path: ImageSource | None = None,
        prompt: str = "",
        *,
        image: ImageSource | None = None,
        **options: Unpack[SegmentOptions],
    ) -> Segmentation:
        """Segment what the prompt names in one image.

        The image is a path, file bytes, (H, W, 3) uint8 RGB pixels or a Pillow image, given as
        ``image_path`` or ``image``. ``options`` are the fields of
        `DetectRequest`, such as ``box_threshold`` and ``max_objects``.
        Raises an InputError for a prompt, image or number that cannot
        be used, and EngineUnavailableError for an engine that cannot run here.
        """
        source = image_path if image_path is not None else image
        if source is None:
            raise NoImageError("No image was given: pass image_path or image.")
        return self.segment_images([source], [prompt], **options)[0]

    @overload
    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: Literal[False] = False,
        **options: Unpack[SegmentOptions],
    ) -> list[Segmentation]: ...

    @overload
    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: Literal[True],
        **options: Unpack[SegmentOptions],
    ) -> list[Segmentation | EdgeSegError]: ...

    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: bool = False,
        **options: Unpack[SegmentOptions],
    ) -> list[Segmentation] | list[Segmentation | EdgeSegError]:
        """Segment many images stage by stage, so that each engine is loaded once.

        ``prompt`` is one for all, or one for each. ``progress`` is called with the stage, how many
        images it has done and how many there are. With ``return_errors`` an image that fails leaves
        its error in its place instead of ending the work.
        """
        prompts = [prompt] * len(images) if isinstance(prompt, str) else list(prompt)
        if len(prompts) != len(images):
            raise ValueError(f"prompt: expected {len(images)} prompts, got {len(prompts)}")
        runs = [
            self._run(source, text, options) for source, text in zip(images, prompts, strict=True)
        ]
        if len(runs) == 1 and not return_errors:
            # One image is decoded once, and before any engine is loaded; many would not fit into
            # memory together.
            runs[0].keeps_image = True
            runs[0].image()
        steps = plan(runs[0].request, self._names["ground"]) if runs else ()
        for role in steps:
            self._step(role, runs, progress, return_errors)
        return [
            run.error or self._segmentation(run, source)
            for run, source in zip(runs, images, strict=True)
        ]

    def segment_everything(
        self,
        image: ImageSource,
        *,
        progress: Progress | None = None,
        **options: Unpack[MaskOptions],
    ) -> Segmentation:
        """Find masks of everything in an image, without words, by clicks on a grid.

        ``options`` are the fields of `edgeseg.schemas.MasksRequest`; all objects are labelled
        "object". ``progress`` is called with "segment", how many clicks are made and how many there
        are. Raises what `segment_image` raises for an image or a number.
        """
        request = parse(MasksRequest, options)
        run = Run(request, partial(load_image, image, self.settings), keeps_image=True)
        run.image()
        if progress is not None:
            run.clicks_done = partial(progress, "segment")
        for role in plan(request):
            self._step(role, [run], None, keep_going=False)
        return self._segmentation(run, image)

    def segment_classes(self, image: ImageSource, **options: Unpack[ClassOptions]) -> Segmentation:
        """Find classes of a pack in an image, the most important first, until a deadline is over.

        ``options`` are the fields of `edgeseg.schemas.ClassesRequest`; an object is found for each
        class that is seen, and ``classes`` of the result has the class of each pixel.
        Raises UnknownPackError, UnknownClassError, InvalidPackError, and what `segment_image`
        raises for an image or a number.
        """
        request = parse(ClassesRequest, options)
        load = partial(load_image, image, self.settings)
        run = Run(request, load, keeps_image=True, packs=self._packs)
        # Decoded before an engine is loaded.
        run.image()
        for role in plan(request):
            self._step(role, [run], None, keep_going=False)
        return self._segmentation(run, image)

    def class_packs(self) -> list[PackInfo]:
        """List the packs of classes that can be asked for."""
        return [describe(pack) for pack in self._packs.packs()]

    def segment_entities(
        self,
        prompt: str,
        contextual: Sequence[ImageSource] = (),
        generated: ImageSource | None = None,
        *,
        progress: ImageProgress | None = None,
        **options: Unpack[EntityOptions],
    ) -> EntitySegmentation:
        """Find the things that a prompt names in contextual images and in a generated one.

        Objects of one entity are paired across the images, and the generated image is judged: does
        it show what was asked for, and the same things? All images pass each stage together, so
        that each engine is loaded once. An image that cannot be read keeps its error in the result.

        ``options`` are the fields of `edgeseg.schemas.EntitiesRequest`; ``progress`` is called with
        an `edgeseg.types.ImageStep` after each image of a stage.
        Raises NoEntityError for a prompt that names no thing, NoImageError without a generated
        image, TooManyImagesError, and what `segment_image` raises where every image fails.
        """
        sources = entity_sources(contextual, generated)
        request = parse(EntitiesRequest, {"text_prompt": prompt, **options})
        run = EntitiesRun(
            request,
            loaders=[partial(load_image, each, self.settings) for each in sources],
            names=names_of(sources),
            image_done=progress,
        )
        for role in plan(request, self._names["ground"]):
            self._step(role, [run], None, keep_going=False)
        return EntitySegmentation(run.result(uuid.uuid4().hex), sources, self.settings)

    def export(
        self,
        task: Segmentation | Sequence[Segmentation],
        format_name: str,
        *,
        file_name: str | Sequence[str] | None = None,
        with_images: bool = False,
        image_prefix: str = "",
    ) -> Export:
        """Return the masks of a result, or of several as one data set, as a file.

        ``file_name`` names the image, or the images one by one, in place of their own names;
        ``with_images`` puts them into the file, and ``image_prefix`` goes before their paths in
        formats that hold addresses. Raises what `export` raises.
        """
        return export(
            image_results_of(task, file_name),
            format_name,
            with_images=with_images,
            image_prefix=image_prefix,
        )

    def engines(self) -> list[EngineInfo]:
        """List the engines that can be chosen."""
        return registry.describe(self.settings)

    def refine(
        self, segmentation: Segmentation, request: RefineRequest | None = None, **parameters: Any
    ) -> Segmentation:
        """Correct one object, or add one, by points or a box.

        Takes a RefineRequest or its fields, and returns a new result. Raises what
        `refine` raises.
        """
        refinement = request or parse(RefineRequest, parameters)
        image = segmentation.image
        run = Run(refinement, lambda: image, objects=segmentation.objects)
        with self._engine("segment", refinement.engines) as engine:
            run.step("segment", engine, self._embeddings)
        assert run.changed is not None
        result = segmentation.result.with_object(run.changed)
        return Segmentation(result, image, self.settings, segmentation.file_name)

    def _run(
        self,
        source: ImageSource,
        prompt: str,
        options: SegmentOptions,
        kind: type[DetectRequest] = SegmentRequest,
    ) -> Run:
        request = parse(kind, {"text_prompt": prompt, **options})
        return Run(request, partial(load_image, source, self.settings))

    def _engine(self, role: Role, choice: EngineChoice | None) -> AbstractContextManager[Engine]:
        name = getattr(choice, role, None) or self._names[role]
        return self.residency.lease(role, str(name))

    def _step(
        self, role: Role, runs: Sequence[Run], progress: Progress | None, keep_going: bool
    ) -> None:
        """Take all images through one stage under one lease, if any of them needs it."""
        waiting = [run for run in runs if run.needs(role)]
        if not waiting:
            return
        start = time.perf_counter()
        with self._engine(role, waiting[0].request.engines) as engine:
            load_ms = (time.perf_counter() - start) * 1000
            steps = step_many(role, engine, waiting, self._embeddings)
            for done, (run, made) in enumerate(steps, 1):
                if isinstance(made, EdgeSegError) and not keep_going:
                    raise made
                run.spend("load", load_ms / len(waiting))
                if progress is not None:
                    progress(role, done, len(waiting))

    def _segmentation(self, run: Run, source: ImageSource) -> Segmentation:
        result = run.result(uuid.uuid4().hex)
        assert isinstance(result, SegmentationResult)
        return Segmentation(result, source, self.settings)
