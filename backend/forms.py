"""The form of a request, made from its schema: a field for each of its fields."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar, get_args, get_origin

from fastapi import Depends, File, Form, Header, Request, UploadFile
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from backend.bodies import json_of, only_fields
from backend.headers import json_field, json_list_field
from backend.images import ImageInput
from edgeseg.schemas import (
    ClassesRequest,
    DetectRequest,
    EntitiesRequest,
    MasksRequest,
    SegmentRequest,
    SimplifyRequest,
    parse,
)

RequestT = TypeVar("RequestT", bound=BaseModel)
IMAGE = (
    "The image: JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF, one frame. EXIF orientation is applied "
    "first; boxes and masks are in pixels of the upright image."
)
SOURCES = " A file, or a text: base64, a data URI, or a URL where the server fetches images."
_ImageField = Annotated[UploadFile | str | None, File(description=IMAGE + SOURCES)]
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


async def image_of(request: Request, image: _ImageField = None) -> ImageInput | None:
    """Return the image of a form or of JSON."""
    body = json_of(request)
    return image if body is None else next(iter(body.images["image"]), None)


ImageDep = Annotated[ImageInput | None, Depends(image_of)]


def image_and(model: type[BaseModel]) -> list[Any]:
    """Return the dependencies of a route that takes an image and the fields of a schema."""
    return [Depends(only_fields("image", *model.model_fields, images=("image",)))]


def form_of(model: type[RequestT]) -> Callable[..., Awaitable[RequestT]]:
    """Return a dependency that reads a request; raises an InputError that says why not.

    In a form, lists and objects are JSON in a text field; everything else is as in the schema, with
    its default, description and examples. A JSON document is the schema as it stands.
    """
    # A prompt that is missing is an empty one.
    missing = {name: "" for name, field in model.model_fields.items() if field.is_required()}

    async def read(request: Request, **texts: Any) -> RequestT:
        body = json_of(request)
        if body is not None:
            return parse(model, {**missing, **body.fields})
        data = {name: _value(name, model.model_fields[name], text) for name, text in texts.items()}
        return parse(model, data)

    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("request", positional, annotation=Request)]
    parameters += [_parameter(name, field) for name, field in model.model_fields.items()]
    vars(read)["__signature__"] = inspect.Signature(parameters)
    return read


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    json_kind = _json_kind(field)
    default = "" if field.is_required() else field.get_default()
    examples, about = field.examples or [default], field.description or ""
    annotation: Any = field.annotation
    if json_kind is not None:
        annotation, default = str | None, None
        examples = [json.dumps(each) for each in examples]
        about += f" A JSON {'array' if json_kind is list else 'object'}"
        about += ", or names with commas between them." if _is_of_texts(field) else "."
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[
            annotation, *_readers(field), Form(description=about, examples=examples)
        ],
    )


def _readers(field: FieldInfo) -> list[BeforeValidator]:
    """Return what reads other spellings of a field that is no JSON."""
    if _json_kind(field) is not None:
        return []
    return [each for each in field.metadata if isinstance(each, BeforeValidator)]


def _value(name: str, field: FieldInfo, text: Any) -> Any:
    json_kind = _json_kind(field)
    if json_kind is None:
        return text
    if json_kind is list and text and not text.lstrip().startswith("[") and _is_of_texts(field):
        return [each.strip() for each in text.split(",")]
    return json_list_field(name, text) if json_kind is list else json_field(name, text)


def _is_of_texts(field: FieldInfo) -> bool:
    """Whether a field is a list of texts, which may also be written with commas between them."""
    lists = [kind for kind in (field.annotation, *get_args(field.annotation)) if get_args(kind)]
    items = [get_args(kind)[0] for kind in lists if get_origin(kind) is list]
    return any(item is str or get_args(item)[:1] == (str,) for item in items)


def _json_kind(field: FieldInfo) -> type | None:
    """Return list or dict for a field that is JSON in a form, None for any other."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if get_origin(kind) is list:
            return list
        if get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return dict
    return None


ClassesForm = Annotated[ClassesRequest, Depends(form_of(ClassesRequest))]
DetectForm = Annotated[DetectRequest, Depends(form_of(DetectRequest))]
EntitiesForm = Annotated[EntitiesRequest, Depends(form_of(EntitiesRequest))]
MasksForm = Annotated[MasksRequest, Depends(form_of(MasksRequest))]
SegmentForm = Annotated[SegmentRequest, Depends(form_of(SegmentRequest))]
SimplifyForm = Annotated[SimplifyRequest, Depends(form_of(SimplifyRequest))]
