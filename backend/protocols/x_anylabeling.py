"""/v1: the protocol of X-AnyLabeling's remote servers: words, clicks and boxes to shapes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

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
from edgeseg.codecs.outline import mask_to_polygons
from edgeseg.codecs.polygon import join_holes
from edgeseg.errors import InvalidParameterError
from edgeseg.schemas import Point, RefineRequest, SegmentedObject, parse

PREFIX = "/v1"
# The client asks for a name where an object has this one.
UNNAMED = "AUTOLABEL_OBJECT"
MAX_MARKS = 100
POLYGONS: Literal["edgeseg"] = "edgeseg"
BOXES: Literal["edgeseg-boxes"] = "edgeseg-boxes"

# The protocol is X-AnyLabeling's, and described there.
router = APIRouter(prefix=PREFIX, include_in_schema=False)
predicting = APIRouter(prefix=PREFIX, include_in_schema=False, route_class=AdmittedRoute)
Pixel = Annotated[float, Field(ge=-1e6, le=1e6)]
_WORDS = ("edit_text", "button_send")
_CLICKS = (
    "button_add_point",
    "button_remove_point",
    "button_add_rect",
    "button_clear",
    "button_finish_object",
)
_THRESHOLD = ("input_conf", "edit_conf")
_PRESERVE = "toggle_preserve_existing_annotations"


class _Loose(BaseModel):
    """What the client sends has more fields, and gets more."""

    model_config = ConfigDict(extra="ignore")


class Mark(_Loose):
    """A point (x, y) or a rectangle (x0, y0, x1, y1) in pixels; label 0 is outside the object."""

    type: Literal["point", "rectangle"]
    data: list[Pixel] = Field(min_length=2, max_length=4)
    label: Literal[0, 1] = 1


class Params(_Loose):
    """What a person asks for; a threshold of 0 is the engine's own."""

    conf_threshold: float = Field(0.0, ge=0, le=1)
    text_prompt: str | None = None
    marks: list[Mark] = Field(default_factory=list, max_length=MAX_MARKS)


class PredictRequest(_Loose):
    """An image, as a data URI, and what is asked of it."""

    model: Literal["edgeseg", "edgeseg-boxes"] = POLYGONS
    image: str
    params: Params = Field(default_factory=Params)


@router.get("/models")
async def models(services: ServicesDep) -> dict[str, Any]:
    """List what the client may choose: masks as polygons, by words or clicks, and boxes."""
    widgets = [*_WORDS, *_THRESHOLD]
    return {
        "success": True,
        "data": {
            POLYGONS: _model("EdgeSeg", [*widgets, *_CLICKS]),
            BOXES: _model("EdgeSeg (boxes)", widgets),
        },
    }


def _model(name: str, widgets: list[str]) -> dict[str, Any]:
    shown = [{"name": each, "value": None} for each in widgets]
    return {
        "display_name": name,
        "widgets": [*shown, {"name": _PRESERVE, "value": True}],
        "batch_processing_mode": "text_prompt",
    }


@predicting.post("/predict", dependencies=[Depends(unique_names)])
async def predict(request: Request, services: ServicesDep) -> dict[str, Any]:
    """Return shapes for words, or the one that marks show."""
    asked = parse(PredictRequest, await work.json_object(request))
    params = asked.params
    async with opened(services, asked.image) as file:
        upload = await read_upload(services, file)
    refinement = _refinement(params.marks, (upload.height, upload.width))
    if refinement is not None:
        made = await work.click(services, request, upload, refinement)
        objects = [(made, UNNAMED)]
    else:
        if not (params.text_prompt or "").strip():
            raise InvalidParameterError("params: expected a text_prompt or marks.")
        given = {"box_threshold": params.conf_threshold} if params.conf_threshold else {}
        found = await work.segment(services, request, upload, params.text_prompt or "", **given)
        objects = [(each, each.label) for each in found.objects]
    shapes = await to_thread.run_sync(
        _shapes, objects, asked.model == BOXES, limiter=services.submitters
    )
    return {"success": True, "data": {"shapes": shapes, "description": ""}}


def _refinement(marks: list[Mark], size_hw: tuple[int, int]) -> RefineRequest | None:
    """Return the clicks and the last box; None without any. A box of the outside is its middle."""
    height, width = size_hw
    points, box = [], None
    for mark in marks:
        if len(mark.data) != (2 if mark.type == "point" else 4):
            raise InvalidParameterError(
                f"marks: a {mark.type} has {'2 numbers' if mark.type == 'point' else '4 numbers'}."
            )
        xs, ys = sorted(mark.data[::2]), sorted(mark.data[1::2])
        if mark.type == "rectangle" and mark.label == 1:
            x0, x1 = max(0.0, xs[0]), min(float(width), xs[-1])
            box = (x0, max(0.0, ys[0]), x1, min(float(height), ys[-1]))
        else:
            x, y = (xs[0] + xs[-1]) / 2, (ys[0] + ys[-1]) / 2
            points.append(parse(Point, {"x": x, "y": y, "label": mark.label}))
    if not points and box is None:
        return None
    return parse(RefineRequest, {"points": points, "box": box})


def _shapes(objects: list[tuple[SegmentedObject, str]], as_boxes: bool) -> list[dict[str, Any]]:
    """Return the shapes of objects; parts of one object are a group."""
    shapes: list[dict[str, Any]] = []
    for number, (each, label) in enumerate(objects, 1):
        outlines = [_corners(each)] if as_boxes else _outlines(each)
        shared = {
            "label": label,
            "shape_type": "rectangle" if as_boxes else "polygon",
            "score": round(each.score, 4),
            "group_id": number if len(outlines) > 1 else None,
        }
        shapes += [{**shared, "points": points} for points in outlines]
    return shapes


def _corners(each: SegmentedObject) -> list[list[float]]:
    x0, y0, x1, y1 = each.box
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def _outlines(each: SegmentedObject) -> list[list[list[float]]]:
    rings = [join_holes(part) for part in mask_to_polygons(rle_to_mask(each.mask))]
    return [[[float(x), float(y)] for x, y in ring] for ring in rings]
