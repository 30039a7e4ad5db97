"""/label-studio: the protocol of Label Studio's ML backends: labels, words, clicks and boxes."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urljoin, urlsplit

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from backend.admission import AdmittedRoute
from backend.bodies import unique_names
from backend.fetch import Fetcher
from backend.images import opened
from backend.protocols import work
from backend.protocols.label_config import LabelConfig, parse_config
from backend.protocols.regions import refinement_of, regions_of, text_of
from backend.services import Services, ServicesDep
from backend.uploads import Upload, read_upload
from edgeseg import __version__
from edgeseg.errors import InputError, InvalidParameterError
from edgeseg.schemas import RefineRequest, SegmentedObject, parse

PREFIX = "/label-studio"
MODEL_VERSION = f"edgeseg-{__version__}"
# Label Studio sends a page of tasks; each is an image.
MAX_TASKS = 128
# Tasks of one request that are worked on at once.
PARALLEL = 4
_EVENTS = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATION_DELETED", "START_TRAINING")

# The protocol is Label Studio's, and described there.
router = APIRouter(prefix=PREFIX, include_in_schema=False)
predicting = APIRouter(prefix=PREFIX, include_in_schema=False, route_class=AdmittedRoute)
Labelled = tuple[SegmentedObject, str]


class _Loose(BaseModel):
    """What Label Studio sends has more fields, and gets more."""

    model_config = ConfigDict(extra="ignore")


class Task(_Loose):
    """An image to label."""

    data: dict[str, Any] = Field(default_factory=dict)


class Context(_Loose):
    """What a person has just drawn or written."""

    result: list[dict[str, Any]] = Field(default_factory=list)


class Params(_Loose):
    """Whatever else comes with a request."""

    context: Context | None = None


class PredictRequest(_Loose):
    """Images to label, and what a person has just drawn."""

    tasks: list[Task] = Field(max_length=MAX_TASKS)
    label_config: str
    params: Params = Field(default_factory=Params)


@router.get("")
@router.get("/")
@router.get("/health")
async def health() -> dict[str, str]:
    """Say that the backend is there."""
    return {"status": "UP", "model_class": "EdgeSeg", "v2": "true"}


@router.post("/setup")
async def setup(request: Request) -> dict[str, str]:
    """Check a labelling configuration, and tell the version of the model."""
    body = await work.json_object(request)
    parse_config(str(body.get("schema") or ""))
    return {"model_version": MODEL_VERSION}


@router.get("/versions")
async def versions() -> dict[str, list[str]]:
    """List the versions of the model."""
    return {"versions": [MODEL_VERSION]}


@router.post("/webhook")
async def webhook(request: Request) -> Response:
    """Take note of an event; nothing is trained on annotations."""
    body = await work.json_object(request)
    if body.get("action") in _EVENTS:
        return JSONResponse({"status": "ok"}, 201)
    return JSONResponse({"status": "Unknown event"})


@predicting.post("/predict", dependencies=[Depends(unique_names)])
async def predict(request: Request, services: ServicesDep) -> dict[str, Any]:
    """Return regions for each task: of the labels, of a text, or of clicks and boxes.

    An image of several that cannot be labelled has no regions, and its error.
    """
    asked = parse(PredictRequest, await work.json_object(request))
    config = parse_config(asked.label_config)
    context = asked.params.context.result if asked.params.context else []
    turns = asyncio.Semaphore(PARALLEL)

    async def one(task: Task) -> dict[str, Any]:
        async with turns:
            try:
                return await _predict_one(services, request, config, task, context)
            except InputError as error:
                if len(asked.tasks) == 1:
                    raise
                return {"result": [], "score": 0.0, "error": error.detail}

    return {"results": await asyncio.gather(*map(one, asked.tasks))}


async def _predict_one(
    services: Services,
    request: Request,
    config: LabelConfig,
    task: Task,
    context: list[dict[str, Any]],
) -> dict[str, Any]:
    source = task.data.get(config.image_field)
    if not isinstance(source, str):
        raise InvalidParameterError(f"data.{config.image_field}: expected the URL of an image.")
    fetcher, url, headers = _from_label_studio(services, source)
    async with opened(services, url, "image", fetcher, headers) as file:
        upload = await read_upload(services, file)
    size_hw = (upload.height, upload.width)
    words, clicked = text_of(context), refinement_of(context, size_hw)
    if clicked is not None:
        objects = [await _click(services, request, upload, config, *clicked)]
    else:
        objects = await _segment(services, request, upload, config, words)
    regions = await to_thread.run_sync(
        regions_of, config, objects, size_hw, limiter=services.submitters
    )
    scores = [each.score for each, _ in objects]
    return {
        "result": regions,
        "score": sum(scores) / len(scores) if scores else 0.0,
        "model_version": MODEL_VERSION,
    }


def _from_label_studio(
    services: Services, source: str
) -> tuple[Fetcher, str, dict[str, str] | None]:
    """Return what fetches an image, its URL, and the headers that Label Studio asks for.

    Its own address is set by whoever runs the server, and may be private.
    """
    settings = services.settings
    own = settings.label_studio_url
    if own is None:
        return services.fetcher, source, None
    url = source if source.startswith("data:") else urljoin(own.rstrip("/") + "/", source)
    host = urlsplit(own).netloc
    if urlsplit(url).netloc != host:
        return services.fetcher, url, None
    urls = "hosts" if settings.fetch_urls == "off" else settings.fetch_urls
    trusted = {"fetch_urls": urls, "fetch_hosts": (*settings.fetch_hosts, host)}
    token = settings.label_studio_token
    headers = {} if token is None else {"Authorization": f"Token {token.get_secret_value()}"}
    return Fetcher(settings.model_copy(update=trusted)), url, headers


async def _segment(
    services: Services, request: Request, upload: Upload, config: LabelConfig, words: str | None
) -> list[Labelled]:
    prompt = words or config.prompt
    if not prompt:
        raise InvalidParameterError("The labelling configuration has no labels to look for.")
    simplify = "auto" if words else "never"
    result = await work.segment(services, request, upload, prompt, simplify=simplify)
    # Words may name what no label does: it gets the first one.
    first = next(iter(config.phrases), None)
    labelled = [(each, config.label_of(each.label) or (words and first)) for each in result.objects]
    return [(each, label) for each, label in labelled if label]


async def _click(
    services: Services,
    request: Request,
    upload: Upload,
    config: LabelConfig,
    refinement: RefineRequest,
    label: str | None,
) -> Labelled:
    made = await work.click(services, request, upload, refinement)
    name = label or next(iter(config.phrases), None)
    if name is None:
        raise InvalidParameterError("The labelling configuration has no labels.")
    return made, name
