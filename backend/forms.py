"""The multipart form of a request: fields with descriptions and examples, read into a schema."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import File, Form, Header, UploadFile

from backend.headers import json_field, json_list_field
from edgeseg.schemas import DetectRequest, SegmentRequest, SimplifyRequest, parse

_FIELDS = SegmentRequest.model_fields


def _about(name: str) -> str:
    return _FIELDS[name].description or ""


ImageField = Annotated[
    UploadFile | None,
    File(
        description="The picture: JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF, one frame. EXIF "
        "orientation is applied; boxes and masks are in the frame of the upright picture."
    ),
]
PromptField = Annotated[str, Form(description=_about("text_prompt"), examples=["cat . dog ."])]
BoxThreshold = Annotated[float, Form(description=_about("box_threshold"), examples=[0.35])]
TextThreshold = Annotated[float, Form(description=_about("text_threshold"), examples=[0.25])]
SimplifyField = Annotated[str, Form(description=_about("simplify"), examples=["auto"])]
FiltersField = Annotated[
    str | None,
    Form(
        description=_about("filters") + " A JSON array.",
        examples=['[{"kind": "leftmost", "phrase": "cat"}]'],
    ),
]
NegativePrompt = Annotated[
    str | None, Form(description=_about("negative_prompt"), examples=["toy ."])
]
MaxObjects = Annotated[int | None, Form(description=_about("max_objects"), examples=[10])]
ClassThresholds = Annotated[
    str | None,
    Form(description=_about("class_thresholds") + " A JSON object.", examples=['{"cat": 0.5}']),
]
TileField = Annotated[str, Form(description=_about("tile"), examples=["auto"])]
EnginesField = Annotated[
    str | None,
    Form(
        description=_about("engines") + " A JSON object; see GET /engines.",
        examples=['{"detect": "nano"}'],
    ),
]
Visualization = Annotated[bool, Form(description=_about("visualization"), examples=[True])]
PreferHeader = Annotated[
    str | None,
    Header(
        description="`respond-async`: answer 202 at once and follow the task by its id.",
        examples=["respond-async"],
    ),
]
KeyHeader = Annotated[
    str | None,
    Header(
        description="Any text of up to 255 characters: a repeated request with the same key is "
        "answered by the task of the first one.",
        examples=["order-17"],
    ),
]


DETECT_FIELDS = ("image", *DetectRequest.model_fields)
SEGMENT_FIELDS = ("image", *SegmentRequest.model_fields)
SIMPLIFY_FIELDS = ("image", *SimplifyRequest.model_fields)


class DetectForm:
    """Everything that /detect takes beside the image."""

    def __init__(
        self,
        text_prompt: PromptField = "",
        box_threshold: BoxThreshold = 0.35,
        text_threshold: TextThreshold = 0.25,
        simplify: SimplifyField = "auto",
        filters: FiltersField = None,
        negative_prompt: NegativePrompt = None,
        max_objects: MaxObjects = None,
        class_thresholds: ClassThresholds = None,
        tile: TileField = "auto",
        engines: EnginesField = None,
        prefer: PreferHeader = None,
        idempotency_key: KeyHeader = None,
    ) -> None:
        self.data: dict[str, Any] = {
            "text_prompt": text_prompt,
            "box_threshold": box_threshold,
            "text_threshold": text_threshold,
            "simplify": simplify,
            "filters": json_list_field("filters", filters),
            "negative_prompt": negative_prompt or None,
            "max_objects": max_objects,
            "class_thresholds": json_field("class_thresholds", class_thresholds),
            "tile": tile,
            "engines": json_field("engines", engines),
        }

    def request(self) -> DetectRequest:
        """Return the validated request; raises an InputError that names what is wrong."""
        return parse(DetectRequest, self.data)


def segment_request(form: DetectForm, visualization: bool) -> SegmentRequest:
    """Return the validated request for masks; raises an InputError that names what is wrong."""
    return parse(SegmentRequest, {**form.data, "visualization": visualization})
