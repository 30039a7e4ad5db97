"""/api/generate: the protocol of osam, a server of models that segment: points, boxes and words."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np
from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from backend.admission import AdmittedRoute
from backend.bodies import unique_names
from backend.images import opened
from backend.protocols import work
from backend.services import ServicesDep
from backend.uploads import read_upload
from edgeseg.codecs import rle_to_mask
from edgeseg.codecs.image import encode_png
from edgeseg.errors import InvalidParameterError
from edgeseg.schemas import MAX_OBJECTS, Point, RefineRequest, SegmentedObject, parse

PREFIX = "/api"
MAX_POINTS = 100
# Labels of points: outside, inside, and the first and second corner of a box.
_OUTSIDE, _INSIDE, _FIRST_CORNER, _SECOND_CORNER = range(4)

# The protocol is osam's, and described there.
predicting = APIRouter(prefix=PREFIX, include_in_schema=False, route_class=AdmittedRoute)
Pixel = Annotated[float, Field(ge=-1e6, le=1e6)]
_Said = tuple[SegmentedObject, str | None]


class _Loose(BaseModel):
    """What a client sends has more fields, and gets more."""

    model_config = ConfigDict(extra="ignore")


class Prompt(_Loose):
    """Points (x, y) in pixels with a label each, or words."""

    points: list[tuple[Pixel, Pixel]] | None = Field(None, max_length=MAX_POINTS)
    point_labels: list[Literal[0, 1, 2, 3]] | None = Field(None, max_length=MAX_POINTS)
    texts: list[str] | None = Field(None, max_length=MAX_POINTS)
    iou_threshold: float = Field(0.5, ge=0, le=1)
    score_threshold: float = Field(0.1, ge=0, le=1)
    max_annotations: int = Field(100, ge=1)


class GenerateRequest(_Loose):
    """An image in base64, and what is asked of it; without a prompt, the object in the middle."""

    model: str = Field(max_length=200)
    image: str
    prompt: Prompt | None = None


@predicting.post("/generate", dependencies=[Depends(unique_names)])
async def generate(request: Request, services: ServicesDep) -> dict[str, Any]:
    """Return an annotation for each object; its mask is a PNG of its bounding box alone."""
    asked = parse(GenerateRequest, await work.json_object(request))
    async with opened(services, asked.image) as file:
        upload = await read_upload(services, file)
    size_hw = (upload.height, upload.width)
    prompt = asked.prompt or Prompt(points=[(size_hw[1] / 2, size_hw[0] / 2)], point_labels=[1])
    if prompt.texts is not None:
        found = await work.segment(
            services,
            request,
            upload,
            " . ".join(prompt.texts),
            simplify="never",
            box_threshold=prompt.score_threshold,
            max_objects=min(prompt.max_annotations, MAX_OBJECTS),
        )
        objects: list[_Said] = [(each, each.label) for each in found.objects]
    else:
        made = await work.click(services, request, upload, _refinement(prompt, size_hw))
        objects = [(made, None)]
    annotations = await to_thread.run_sync(_annotations, objects, limiter=services.submitters)
    return {"model": asked.model, "annotations": annotations}


def _refinement(prompt: Prompt, size_hw: tuple[int, int]) -> RefineRequest:
    points, labels = prompt.points or [], prompt.point_labels or []
    if not points or len(points) != len(labels):
        raise InvalidParameterError("prompt: expected texts, or points with a label each.")
    clicks = [
        parse(Point, {"x": x, "y": y, "label": label})
        for (x, y), label in zip(points, labels, strict=True)
        if label in (_OUTSIDE, _INSIDE)
    ]
    corners = [
        xy
        for xy, label in zip(points, labels, strict=True)
        if label in (_FIRST_CORNER, _SECOND_CORNER)
    ]
    if len(corners) not in (0, 2):
        raise InvalidParameterError("prompt: a box has two corners, labelled 2 and 3.")
    box = None
    if corners:
        (x0, x1), (y0, y1) = (sorted(values) for values in zip(*corners, strict=True))
        box = (max(0.0, x0), max(0.0, y0), min(float(size_hw[1]), x1), min(float(size_hw[0]), y1))
    return parse(RefineRequest, {"points": clicks, "box": box})


def _annotations(objects: list[_Said]) -> list[dict[str, Any]]:
    made = []
    for each, text in objects:
        mask = rle_to_mask(each.mask)
        if not mask.any():
            continue
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        left, right = int(columns[0]), int(columns[-1])
        top, bottom = int(rows[0]), int(rows[-1])
        crop = mask[top : bottom + 1, left : right + 1]
        made.append(
            {
                "text": text,
                "score": each.score,
                "bounding_box": {"xmin": left, "ymin": top, "xmax": right, "ymax": bottom},
                "mask": base64.b64encode(encode_png(crop.astype(np.uint8) * 255)).decode("ascii"),
            }
        )
    return made
