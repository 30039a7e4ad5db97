"""The stages of a request, as functions of an engine and what came before.

The same functions serve one process and the workers of the services.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from edgeseg import attributes, candidates, classes, everything, tiling
from edgeseg.classes import ClassPack, Decoded
from edgeseg.codecs import mask_to_rle, rle_area, rle_box, rle_to_mask, window_to_rle
from edgeseg.detected import as_box, detected_objects
from edgeseg.engines.base import (
    ClassSegmenter,
    Detector,
    EntityExtractor,
    Grounder,
    ObjectEmbedder,
    Segmenter,
    Simplifier,
    ran,
)
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.entities.colours import colour_shares, exposure_gain
from edgeseg.errors import EdgeSegError
from edgeseg.language.phrases import split_phrases
from edgeseg.schemas import (
    ClassesRequest,
    DetectedObject,
    DetectRequest,
    EntitiesRequest,
    EntityExtraction,
    MasksRequest,
    RefineRequest,
    Rle,
    SegmentedObject,
    Simplification,
    SimplifyRequest,
    TileMode,
    as_score,
    check_refinement,
    free_id,
)
from edgeseg.selection import boxes
from edgeseg.types import (
    BoolArray,
    Detections,
    Embedding,
    FloatArray,
    Image,
    MaskPrompt,
)

Found = TypeVar("Found", bound=DetectedObject)

# Pixels of masks held as arrays at one time; more are encoded chunk by chunk.
_PIXELS_AT_ONCE = 2**26


def pass_through(prompt: str, reason: str = "", warnings: Sequence[str] = ()) -> Simplification:
    """Return the prompt split at its dots and otherwise as it is."""
    return Simplification(
        prompt=prompt,
        simplified_prompt=prompt,
        phrases=split_phrases(prompt),
        changed=False,
        reason=reason,
        warnings=list(warnings),
    )


def simplify(
    engine: Simplifier, request: SimplifyRequest | DetectRequest, image: Image | None = None
) -> Simplification:
    """Turn the request's prompt into phrases and filters.

    With ``simplify="never"`` the engine is not asked. With "auto" its failure leaves the prompt
    as it is, with a warning; with "always" it is raised. Filters of the request take the place of
    those that the prompt asks for.
    """
    return _with_filters(_simplified(engine, request, image), request)


def as_it_is(request: SimplifyRequest | DetectRequest) -> Simplification:
    """Return the request's prompt split at its dots, with the request's own filters."""
    simplification = pass_through(request.text_prompt, "Simplifying was switched off.")
    return _with_filters(simplification, request)


def phrases_of(request: DetectRequest, simplification: Simplification) -> list[str]:
    """Return all phrases to look for, with those to compare with and of the negative prompt."""
    return candidates.asked_phrases(request, simplification)[0]


def _with_filters(
    simplification: Simplification, request: SimplifyRequest | DetectRequest
) -> Simplification:
    if isinstance(request, DetectRequest) and request.filters is not None:
        return simplification.model_copy(update={"filters": request.filters})
    return simplification


def _simplified(
    engine: Simplifier, request: SimplifyRequest | DetectRequest, image: Image | None
) -> Simplification:
    prompt = request.text_prompt
    mode = request.simplify if isinstance(request, DetectRequest) else "always"
    if isinstance(request, DetectRequest) and mode == "never":
        return as_it_is(request)
    try:
        simplification = engine.simplify(prompt, image)
    except EdgeSegError as error:
        if mode == "always":
            raise
        return pass_through(prompt, warnings=[f"The prompt was not simplified: {error.detail}"])
    if not simplification.phrases:
        return pass_through(prompt, warnings=simplification.warnings)
    return simplification.model_copy(update={"engine": simplification.engine or ran(engine)})


def detect(
    engine: Detector, image: Image, request: DetectRequest, simplification: Simplification
) -> Detections:
    """Find the boxes that the request asks for, best first, in pixels of the image.

    With filters over colours or relations these are candidates, among which `choose` is to choose:
    the boxes of what they are compared with are among them, and no filter was applied.
    """
    asked, negatives = candidates.asked_phrases(request, simplification)
    subjects = attributes.subjects(simplification.filters)

    def see(part: Image, phrases: Sequence[str], min_confidence: float) -> Detections:
        names = candidates.names_of(phrases, subjects)
        detections = engine.detect(
            part, names, box_threshold=min_confidence, text_threshold=request.text_threshold
        )
        return candidates.as_phrases(detections, phrases, subjects)[0]

    detections, _ = tiling.merge(tiling.detect_views(see, image, request, asked, negatives))
    detections = boxes.cut(detections, image.size_hw)
    return detections.take(
        candidates.select(detections, image.size_hw, request, simplification, negatives)
    )


def choose(
    image: Image,
    objects: Sequence[Found],
    request: DetectRequest,
    simplification: Simplification,
) -> tuple[list[Found], Simplification]:
    """Return the candidates that pass the filters over colours and relations, and all others.

    Objects with masks are checked by them, boxes alone by the middle of each. The simplification
    comes back with a warning for what is left out. Without such filters all objects stay.
    """
    if not attributes.has_attributes(simplification.filters):
        return list(objects), simplification
    rows, warnings = attributes.choose(objects, simplification.filters, image)
    asked = {phrase.casefold() for phrase in simplification.phrases}
    left = [objects[row] for row in rows if objects[row].label.casefold() in asked]
    numbered = [
        each.model_copy(update={"id": number})
        for number, each in enumerate(left[: request.max_objects])
    ]
    said = [*simplification.warnings, *warnings]
    return numbered, simplification.model_copy(update={"warnings": said})


def segment(
    engine: Segmenter,
    image: Image,
    detections: Detections,
    cache: EmbeddingCache | None = None,
    tile: TileMode = "auto",
) -> list[SegmentedObject]:
    """Turn boxes into objects with masks; without boxes the engine is not asked.

    Small objects of large images are outlined in the tiles that show them best.
    """
    if not len(detections):
        return []
    masks: dict[int, Rle] = {}
    for window, rows in _windows(detections.boxes_xyxy, image, tile).items():
        part = window.cut(image)
        embedding = _embed(engine, part, cache)
        height, width = part.size_hw
        step = max(1, _PIXELS_AT_ONCE // (height * width))
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            boxes_xyxy = detections.boxes_xyxy[some]
            prompts = [window.prompt(MaskPrompt(box_xyxy=as_box(row))) for row in boxes_xyxy]
            segmented = engine.segment(embedding, prompts).masks
            masks.update(
                (row, window_to_rle(mask, window.corner_xy, image.size_hw))
                for row, mask in zip(some, segmented, strict=True)
            )
    return _objects(detections, [masks[row] for row in range(len(detections))])


def segment_everything(
    engine: Segmenter,
    image: Image,
    request: MasksRequest,
    cache: EmbeddingCache | None = None,
    clicks_done: Callable[[int, int], None] = lambda done, total: None,
    give_way: Callable[[Callable[[], everything.Seen]], None] = lambda seen: None,
    seen: everything.Seen = (),
) -> list[SegmentedObject]:
    """Find masks of everything by clicks on a grid, best first, all labelled "object".

    ``clicks_done`` is called with the numbers of clicks made and of all. ``give_way`` is called
    between clicks and may raise; what it is given says what was ``seen``, to go on from later.
    """
    return everything.find(
        engine,
        image,
        request,
        lambda part: _embed(engine, part, cache),
        clicks_done,
        give_way,
        seen,
    )


def segment_classes(
    engine: ClassSegmenter,
    image: Image,
    request: ClassesRequest,
    pack: ClassPack,
    cache: EmbeddingCache | None = None,
    deadline: classes.Deadline = classes.NEVER,
) -> Decoded:
    """Find classes of a pack in the order of the request, until the deadline.

    An image is not encoded where even the fastest encoding so far would end after the deadline.
    Raises UnknownClassError, and InvalidPackError for a pack of another encoder or decoder.
    """
    wanted = pack.take(request.classes if request.classes is not None else pack.names)
    classes.require_fit(engine, pack)
    threshold = request.background_threshold
    if threshold is None:
        threshold = pack.background_threshold
    if not deadline.leaves(cache.min_embed_s(engine, image) if cache else 0.0):
        return classes.nothing(wanted, image.size_hw)
    embedding = _embed(engine, image, cache)
    return classes.decode(engine, embedding, pack, wanted, threshold, deadline)


def ground(
    engine: Grounder, image: Image, request: DetectRequest, simplification: Simplification
) -> list[SegmentedObject]:
    """Find boxes and masks in one step, chosen as `detect` chooses."""
    asked, negatives = candidates.asked_phrases(request, simplification)
    subjects = attributes.subjects(simplification.filters)
    masks: list[BoolArray] = []

    def see(part: Image, phrases: Sequence[str], min_confidence: float) -> Detections:
        names = candidates.names_of(phrases, subjects)
        grounded, found = engine.ground(
            part, names, box_threshold=min_confidence, text_threshold=request.text_threshold
        )
        detections, rows = candidates.as_phrases(grounded, phrases, subjects)
        masks.append(found.masks[rows])
        return detections

    views = tiling.detect_views(see, image, request, asked, negatives)
    detections, members = tiling.merge(views)
    detections = boxes.cut(detections, image.size_hw)
    rows = candidates.select(detections, image.size_hw, request, simplification, negatives)
    outlines = []
    for row in rows:
        parts = [
            views[view][0].full(masks[view][part], image.size_hw) for view, part in members[row]
        ]
        outlines.append(mask_to_rle(np.logical_or.reduce(parts)))
    return _objects(detections.take(rows), outlines)


def extract(
    engine: EntityExtractor, request: EntitiesRequest, image: Image | None = None
) -> EntityExtraction:
    """Read the entities of the request's text, but for those that it excludes."""
    made = engine.extract(request.text_prompt, image)
    excluded = {each.strip().casefold() for each in request.excluded_terms}
    kept = [i for i, each in enumerate(made.entities) if each.label.casefold() not in excluded]
    place = {old: new for new, old in enumerate(kept)}
    relations = [
        each.model_copy(update={"subject": place[each.subject], "object": place[each.object]})
        for each in made.relations
        if each.subject in place and each.object in place
    ]
    entities = [made.entities[index] for index in kept]
    changes = {"entities": entities, "relations": relations, "engine": made.engine or ran(engine)}
    return made.model_copy(update=changes)


def embed(
    engine: ObjectEmbedder, image: Image, objects: Sequence[SegmentedObject]
) -> tuple[list[dict[str, float]], FloatArray]:
    """Return the shares of colours of each object, and (N, D) float32 vectors of length 1."""
    height, width = image.size_hw
    step = max(1, _PIXELS_AT_ONCE // (height * width))
    gain = exposure_gain(image.rgb)
    colours: list[dict[str, float]] = []
    vectors: list[FloatArray] = []
    for start in range(0, len(objects), step):
        masks = np.stack([rle_to_mask(each.mask) for each in objects[start : start + step]])
        colours += [colour_shares(image.rgb, mask, gain) for mask in masks]
        vectors.append(engine.embed_objects(image, masks))
    return colours, np.concatenate(vectors)


def refine(
    engine: Segmenter,
    image: Image,
    request: RefineRequest,
    objects: Sequence[SegmentedObject],
    cache: EmbeddingCache | None = None,
) -> SegmentedObject:
    """Correct one object by points or a box, or make a new one.

    Raises what `check_refinement` raises.
    """
    check_refinement(request, [each.id for each in objects], image.size_hw)
    old = next((each for each in objects if each.id == request.object_id), None)
    points = [(point.x, point.y) for point in request.points]
    prompt = MaskPrompt(
        box_xyxy=request.box or (old.box if old else None),
        points_xy=np.array(points, np.float32).reshape(-1, 2),
        point_labels=np.array([point.label for point in request.points], np.int64),
        # A new box says where the object is, so the old mask would only mislead.
        previous=rle_to_mask(old.mask) if old and request.box is None else None,
    )
    window = tiling.whole(image.size_hw)
    if prompt.box_xyxy is not None:
        box = np.array([prompt.box_xyxy], np.float32)
        window = next(iter(_windows(_with_points(box, points), image, "auto")))
    masks = engine.segment(_embed(engine, window.cut(image), cache), [window.prompt(prompt)])
    rle = window_to_rle(masks.masks[0], window.corner_xy, image.size_hw)
    fallback = request.box or (old.box if old else (0.0, 0.0, 0.0, 0.0))
    return SegmentedObject(
        id=old.id if old else free_id(objects),
        label=request.label or (old.label if old else everything.OBJECT),
        score=old.score if old else as_score(masks.scores[0]),
        box=rle_box(rle) or fallback,
        mask=rle,
        area=rle_area(rle),
    )


def _windows(boxes_xyxy: FloatArray, image: Image, tile: TileMode) -> dict[tiling.Tile, list[int]]:
    """Return the rows of boxes by the part of the image that each is outlined in."""
    if tile == "never":
        return {tiling.whole(image.size_hw): list(range(len(boxes_xyxy)))}
    return tiling.nearest(boxes_xyxy, image.size_hw, every=tile == "always")


def _with_points(box: FloatArray, points: list[tuple[float, float]]) -> FloatArray:
    """Return a (1, 4) box stretched to hold points."""
    corners = np.concatenate([box.reshape(2, 2), np.array(points, np.float32).reshape(-1, 2)])
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])[None]


def _objects(detections: Detections, masks: Sequence[Rle]) -> list[SegmentedObject]:
    return [
        SegmentedObject(**row.model_dump(), mask=mask, area=rle_area(mask))
        for row, mask in zip(detected_objects(detections), masks, strict=True)
    ]


def _embed(
    engine: Segmenter | ClassSegmenter, image: Image, cache: EmbeddingCache | None
) -> Embedding:
    return cache.embed(engine, image) if cache else engine.embed(image)
