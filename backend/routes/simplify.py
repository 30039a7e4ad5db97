"""POST /simplify: the simplified prompt, for review before segmenting."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import ImageDep, KeyHeader, PreferHeader, SimplifyForm, image_and
from backend.images import opened
from backend.routes.openapi import IMAGE_RESPONSES, also_json
from backend.services import ServicesDep
from backend.uploads import read_upload
from edgeseg.schemas import Simplification, SimplifyRequest

router = APIRouter(
    tags=["segment"],
    dependencies=image_and(SimplifyRequest),
    route_class=AdmittedRoute,
)


@router.post(
    "/simplify",
    response_model=Simplification,
    responses=IMAGE_RESPONSES,
    openapi_extra=also_json(SimplifyRequest),
)
async def simplify(
    request: Request,
    services: ServicesDep,
    form: SimplifyForm,
    image: ImageDep,
    prefer: PreferHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Return the phrases to detect, the filters that would apply, and the reason.

    A simplifier that accepts images uses the image, if there is one.
    """
    gateway.check_engines(services, form.engines)
    async with opened(services, image) as file:
        uploads = [] if file is None else [await read_upload(services, file)]
    task_id = await gateway.submit(
        services, request, "simplify", ("simplify",), form, form.text_prompt, uploads
    )
    return await gateway.answer(services, request, task_id)
