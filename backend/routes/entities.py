"""POST /entities: a text and several images in; entities, pairs and a judgement out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, File, Request, Response, UploadFile

from backend import gateway
from backend.admission import AdmittedRoute
from backend.bodies import json_of, only_fields
from backend.forms import SOURCES, EntitiesForm, KeyHeader, PreferHeader
from backend.images import ImageInput
from backend.routes.openapi import ENTITIES_RESPONSES, also_json
from backend.services import ServicesDep
from edgeseg.schemas import EntitiesRequest, EntitiesResult, plan

router = APIRouter(
    tags=["entities"],
    dependencies=[
        Depends(
            only_fields(
                *("contextual", "generated", *EntitiesRequest.model_fields),
                images=("contextual", "generated"),
                repeatable=("contextual",),
            )
        ),
    ],
    route_class=AdmittedRoute,
)


async def images_of(
    request: Request,
    contextual: Annotated[
        list[UploadFile | str] | None,
        File(description="Images that show the things as they should be; repeat." + SOURCES),
    ] = None,
    generated: Annotated[
        UploadFile | str | None,
        File(description="The image that was generated from the text." + SOURCES),
    ] = None,
) -> tuple[list[ImageInput], ImageInput | None]:
    """Return the contextual images and the generated one of a form or of JSON."""
    body = json_of(request)
    if body is None:
        return list(contextual or []), generated
    return body.images["contextual"], next(iter(body.images["generated"]), None)


@router.post(
    "/entities",
    response_model=EntitiesResult,
    responses=ENTITIES_RESPONSES,
    openapi_extra=also_json(EntitiesRequest, ("generated",), ("contextual",)),
)
async def entities(
    request: Request,
    services: ServicesDep,
    form: EntitiesForm,
    images: Annotated[tuple[list[ImageInput], ImageInput | None], Depends(images_of)],
    prefer: PreferHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Find the things that a text names in several images, pair them, and judge the generated one.

    An image that cannot be read has its problem in the answer; the others are done.
    """
    stages = plan(form, services.settings.engine_for("ground"))
    return await gateway.run_on_images(services, request, stages, form, *images)
