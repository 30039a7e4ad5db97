"""POST /entities: a text and several images in; entities, pairs and a judgement out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, File, Request, Response, UploadFile

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import EntitiesForm, KeyHeader, PreferHeader
from backend.headers import only_fields
from backend.routes.openapi import ENTITIES_RESPONSES
from backend.services import ServicesDep
from edgeseg.schemas import EntitiesRequest, EntitiesResult, plan

router = APIRouter(
    tags=["entities"],
    dependencies=[
        Depends(only_fields("contextual", "generated", *EntitiesRequest.model_fields)),
    ],
    route_class=AdmittedRoute,
)


@router.post("/entities", response_model=EntitiesResult, responses=ENTITIES_RESPONSES)
async def entities(
    request: Request,
    services: ServicesDep,
    form: EntitiesForm,
    contextual: Annotated[
        list[UploadFile] | None,
        File(description="Images that show the things as they should be; repeat."),
    ] = None,
    generated: Annotated[
        UploadFile | None, File(description="The image that was generated from the text.")
    ] = None,
    prefer: PreferHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Find the things that a text names in several images, pair them, and judge the generated one.

    An image that cannot be read has its problem in the answer; the others are done.
    """
    stages = plan(form, services.settings.engine_for("ground"))
    return await gateway.run_on_images(services, request, stages, form, contextual or [], generated)
